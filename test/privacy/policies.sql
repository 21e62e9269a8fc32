-- What setup.sql made, under policies for attack_group.
SET client_min_messages = warning;
SELECT lakehouse.policy_create('person', 'attack.person',
	ARRAY['ssn', $$lakehouse.mask_constant(ssn, 'masked ' || id::text)$$, 'name', 'lakehouse.mask_null(name)',
		'salary', 'lakehouse.mask_constant(salary, 0)', 'initial', $$lakehouse.mask_constant(initial, 'x')$$],
	for_roles => '{attack_group}');
SELECT lakehouse.policy_create('visible', 'attack.visible', row_filter => $$city = 'here'$$, for_roles => '{attack_group}');
SELECT lakehouse.policy_create('parted', 'attack.parted', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$],
	for_roles => '{attack_group}');
SELECT lakehouse.policy_create('base', 'attack.base', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$],
	for_roles => '{attack_group}');
SELECT lakehouse.policy_create('child', 'attack.child', ARRAY['person', $$lakehouse.mask_constant(person, 'masked')$$],
	for_roles => '{attack_group}');
SELECT lakehouse.policy_create('tricky', 'attack.tricky', ARRAY['secret', $$lakehouse.mask_constant(secret, 'masked')$$,
	'doc', 'lakehouse.mask_null(doc)'], for_roles => '{attack_group}');
RESET client_min_messages;
