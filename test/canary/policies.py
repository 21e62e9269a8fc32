"""policies.py
		The policies of the attacked database: masks of every strength, on relations of every kind.

What keeps a part keeps less than a piece that the search knows (search.py).  The materialized view has no policy:
it has to inherit those of the table it was made from.  Partitions, children and views have none either.
"""

import database

NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"

MASKS = {
    "crm.person": (("name", "lakehouse.mask_constant(name, 'somebody'::text)"), ("ssn", "lakehouse.mask_partial(ssn, 0, '#', 4)"),
                   ("account", "lakehouse.mask_floor(account, 1000000000000)"), ("salary", "lakehouse.mask_null(salary)"),
                   ("born", "lakehouse.mask_date_trunc(born, 'year')"),
                   ("doc", "lakehouse.mask_json(doc, ARRAY['$.code', '$.number', '$.list', '$.day'])"),
                   ("tags", "lakehouse.mask_constant(tags, ARRAY['tag'])"), ("blob", "lakehouse.mask_null(blob)"),
                   ("uid", "lakehouse.mask_constant(uid, %s)" % NOBODY)),
    "crm.visit": (("diag", "lakehouse.mask_partial(diag, 2, '*', 0)"), ("cost", "lakehouse.mask_floor(cost, 10000000000)")),
    "crm.event": (("payload", "lakehouse.mask_constant(payload, 'payload'::text)"), ("amount", "lakehouse.mask_null(amount)")),
    "crm.asset": (("label", "lakehouse.mask_partial(label, 1, '-', 4)"), ("size", "NULL")),
    "crm.branch": (("code", "lakehouse.mask_partial(code, 2, '*', 0)"), ("budget", "lakehouse.mask_floor(budget, 1000000000000)")),
    "crm.person_lake": (("name", "lakehouse.mask_constant(name, 'somebody'::text)"), ("ssn", "lakehouse.mask_partial(ssn, 0, '#', 4)"),
                        ("account", "lakehouse.mask_floor(account, 1000000000000)"), ("born", "lakehouse.mask_date_trunc(born, 'year')")),
}

FILTERS = {"crm.branch": "place IS DISTINCT FROM 'south' AND grp < 11"}


def create(root, relation, masks):
    masks = ", ".join("'%s', $m$%s$m$" % m for m in masks)
    root.must("SELECT lakehouse.policy_create('%s', '%s', ARRAY[%s], %s, for_roles => '{analyst}')" % (
        relation[4:], relation, masks, "$f$%s$f$" % FILTERS[relation] if relation in FILTERS else "NULL"))


def apply(root):
    for relation in MASKS:
        create(root, relation, MASKS[relation])


def close_materialized(root):
    """A policy of its own for the materialized view, where it does not inherit one: the run goes on to other leaks."""
    shown = {c[0] for c in database.COLUMNS["crm.person_mat"]}
    create(root, "crm.person_mat", [m for m in MASKS["crm.person"] if m[0] in shown])
