"""policies.py
		The policies of the attacked database: masks of every strength, on relations of every kind.

What keeps a part keeps less than a piece that the search knows (search.py).  The materialized view has no policy:
it has to inherit those of the table it was made from.  Partitions, children and views have none either.
"""

NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"

MASKS = {
    "crm.person": (("name", "lakehouse.mask_constant(name, 'somebody'::text)"), ("ssn", "lakehouse.mask_partial(ssn, 0, 'X', 4)"),
                   ("account", "lakehouse.mask_floor(account, 1000000000000)"), ("salary", "lakehouse.mask_null(salary)"),
                   ("born", "lakehouse.mask_date_trunc(born, 'year')"),
                   ("doc", "lakehouse.mask_json(doc, ARRAY['$.code', '$.number', '$.list', '$.day'])"),
                   ("tags", "lakehouse.mask_constant(tags, ARRAY['tag'])"), ("blob", "lakehouse.mask_null(blob)"),
                   ("uid", "lakehouse.mask_constant(uid, %s)" % NOBODY)),
    "crm.visit": (("diag", "lakehouse.mask_partial(diag, 2, '*', 0)"), ("cost", "lakehouse.mask_floor(cost, 10000000000)")),
    "crm.event": (("payload", "lakehouse.mask_constant(payload, 'payload'::text)"), ("amount", "lakehouse.mask_null(amount)")),
    "crm.asset": (("label", "lakehouse.mask_partial(label, 1, '-', 3)"), ("size", "NULL")),
    "crm.person_lake": (("name", "lakehouse.mask_constant(name, 'somebody'::text)"), ("ssn", "lakehouse.mask_partial(ssn, 0, 'X', 4)"),
                        ("account", "lakehouse.mask_floor(account, 1000000000000)"), ("born", "lakehouse.mask_date_trunc(born, 'year')")),
}


def apply(root, relations=None):
    for relation in relations or MASKS:
        masks = ", ".join("'%s', $m$%s$m$" % m for m in MASKS[relation])
        root.must("SELECT lakehouse.policy_create('%s', '%s', ARRAY[%s], for_roles => '{analyst}')" % (relation[4:], relation, masks))
