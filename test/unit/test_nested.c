/*
 * test_nested.c
 *		Lists, maps and structs: what is null and what is empty, old shapes, rows
 *		over page boundaries, and levels that contradict each other.
 */
#include "unit/test_page_make.h"

/* Value i of v as text: null, [..], {..}, numbers. */
static void
show(const LhVec *v, uint32_t i, char *out)
{
	char *end = out + strlen(out);

	if (lh_vec_is_null(v, (int) i))
		strcpy(end, "null");
	else if (v->type.id == LH_T_LIST || v->type.id == LH_T_MAP)
	{
		strcpy(end, "[");
		for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
		{
			if (k > v->offsets[i])
				strcat(out, " ");
			show(&v->children[0], k, out);
			if (v->nchildren == 2)
			{
				strcat(out, ":");
				show(&v->children[1], k, out);
			}
		}
		strcat(out, "]");
	}
	else if (lh_type_is_nested(&v->type))
	{
		strcpy(end, "{");
		for (int k = 0; k < v->nchildren; k++)
		{
			if (k > 0)
				strcat(out, " ");
			show(&v->children[k], i, out);
		}
		strcat(out, "}");
	}
	else
		sprintf(end, "%lld", (long long) lh_vec_value(v, (int) i).i64);
}

static void
assert_rows(const LhVec *v, int from, int n, const char *const *want)
{
	for (int i = 0; i < n; i++)
	{
		char text[2000] = "";

		show(v, (uint32_t) (from + i), text);
		assert_string_equal(text, want[i]);
	}
}

/* A v1 page of int32 with both kinds of levels, given as digits: one level a character. */
static void
leaf_page(Maker *m, int max_rep, const char *rep, int max_def, const char *def, int first)
{
	uint32_t levels[1000];
	size_t n = strlen(def);
	Tw w = {0};

	for (int kind = 0; kind < 2; kind++)
	{
		const char *s = kind == 0 ? rep : def;
		int max = kind == 0 ? max_rep : max_def;

		for (size_t i = 0; i < n; i++)
			levels[i] = (uint32_t) (s[i] - '0');
		if (max > 0)
			put_levels(&w, 32 - __builtin_clz((unsigned) max), levels, n);
	}
	for (size_t i = 0; i < n; i++)
	{
		int32_t v = first;

		if (def[i] - '0' != max_def)
			continue;
		tw_bytes(&w, &v, 4);
		first++;
	}
	maker_v1(m, &w, (int) n, LH_PQ_PLAIN);
}

/* A leaf of one page. */
static void
leaf(Maker *m, int max_rep, const char *rep, int max_def, const char *def, int first)
{
	maker_begin(m, T_INT32);
	leaf_page(m, max_rep, rep, max_def, def, first);
	maker_end(m);
}

static LhStatus
open_node(Maker *m, int rows, const char *path, LhPqColumn **col)
{
	LhPqFile *file;
	int node;

	m->rows = rows;
	LH_TRY(maker_open(m, &file));
	node = lh_pq_find(lh_pq_meta(file), path);
	assert_true(node > 0);
	return lh_pq_column_open(m->ctx, file, 0, node, col);
}

/* Read all rows in one batch and compare. */
static void
check(Maker *m, int rows, const char *path, const char *const *want)
{
	LhPqColumn *col;
	LhVec v;

	ASSERT_OK(m->ctx, open_node(m, rows, path, &col));
	ASSERT_OK(m->ctx, lh_pq_column_read(m->ctx, col, 0, rows, NULL, &v));
	assert_int_equal(v.n, rows);
	assert_rows(&v, 0, rows, want);
	lh_pq_column_close(col);
}

/* Read all rows and be refused. */
static void
check_refused(Maker *m, int rows, const char *path, const char *why)
{
	LhPqColumn *col;
	LhStatus status;
	LhVec v;

	status = open_node(m, rows, path, &col);
	if (status == LH_OK)
		status = lh_pq_column_read(m->ctx, col, 0, rows, NULL, &v);
	ASSERT_FAILS(m->ctx, status, LH_CORRUPT, why);
}

/* optional group l (LIST) { repeated group list { optional int32 element } } */
static void
list_schema(Maker *m, LhCtx *ctx)
{
	maker_init(m, ctx);
	maker_el(m, (PqEl) PQ_GROUP_AS("l", PQ_OPT, 1, C_LIST));
	maker_el(m, (PqEl) PQ_GROUP_("list", PQ_REP, 1));
	maker_el(m, (PqEl) PQ_LEAF("element", PQ_OPT, T_INT32));
}

static void
null_lists_empty_lists_and_null_elements_differ(void **state)
{
	static const char *const want[] = {"null", "[]", "[null]", "[0]", "[1 2 null]"};
	Maker m;

	list_schema(&m, *state);
	leaf(&m, 1, "0000011", 3, "0123332", 0);
	check(&m, 5, "l", want);
}

static void
required_lists_of_required_elements(void **state)
{
	static const char *const want[] = {"[]", "[0 1 2]", "[3]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_REQ, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_("list", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_LEAF("element", PQ_REQ, T_INT32));
	leaf(&m, 1, "00110", 1, "01111", 0);
	check(&m, 3, "l", want);
}

/* 6.3 (10): the shapes of lists that old writers used. */
static void
rule_10_lists_of_two_levels(void **state)
{
	static const char *const want[] = {"null", "[]", "[0 1]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_OPT, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_LEAF("array", PQ_REP, T_INT32));
	leaf(&m, 1, "0001", 2, "0122", 0);
	check(&m, 3, "l", want);
}

static void
rule_10_repeated_group_as_element(void **state)
{
	/* named "array": the group is the element, a struct of one field */
	static const char *const want[] = {"[{0} {null}]", "[]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_REQ, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_("array", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_OPT, T_INT32));
	leaf(&m, 1, "010", 2, "210", 0);
	check(&m, 2, "l", want);
}

static void
rule_10_repeated_group_named_tuple(void **state)
{
	static const char *const want[] = {"[{0}]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_REQ, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_("l_tuple", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_REQ, T_INT32));
	leaf(&m, 1, "0", 1, "1", 0);
	check(&m, 1, "l", want);
}

static void
rule_10_repeated_group_of_several_fields(void **state)
{
	static const char *const want[] = {"[{0 10} {1 11}]", "[]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_REQ, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_("element", PQ_REP, 2));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_REQ, T_INT32));
	maker_el(&m, (PqEl) PQ_LEAF("y", PQ_REQ, T_INT32));
	leaf(&m, 1, "010", 1, "110", 0);
	leaf(&m, 1, "010", 1, "110", 10);
	check(&m, 2, "l", want);
}

static void
rule_10_repeated_fields_without_annotation(void **state)
{
	static const char *const want[] = {"[0 1]", "[]", "[2]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_LEAF("l", PQ_REP, T_INT32));
	leaf(&m, 1, "0100", 1, "1101", 0);
	check(&m, 3, "l", want);
}

static void
rule_10_repeated_groups_without_annotation(void **state)
{
	static const char *const want[] = {"[{0} {null}]", "[]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_("g", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_OPT, T_INT32));
	leaf(&m, 1, "010", 2, "210", 0);
	check(&m, 2, "g", want);
}

/* LIST of LIST in two levels each: the repeated group is a list itself */
static void
rule_10_lists_of_lists_in_two_levels(void **state)
{
	static const char *const want[] = {"[[0 1] [2]]", "[[]]", "[]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_OPT, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_AS("array", PQ_REP, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_LEAF("array", PQ_REP, T_INT32));
	leaf(&m, 2, "02100", 3, "33321", 0);
	check(&m, 3, "l", want);
}

static void
lists_of_lists_in_three_levels(void **state)
{
	static const char *const want[] = {"[[0 null] null [] [1]]", "null", "[[2]]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_OPT, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_("list", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_GROUP_AS("element", PQ_OPT, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_("list", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_LEAF("element", PQ_OPT, T_INT32));
	leaf(&m, 2, "0211100", 5, "5423505", 0);
	check(&m, 3, "l", want);
}

static void
maps_have_keys_and_values(void **state)
{
	static const char *const want[] = {"[0:10 1:null]", "null", "[]", "[2:11]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("m", PQ_OPT, 1, C_MAP));
	maker_el(&m, (PqEl) PQ_GROUP_("key_value", PQ_REP, 2));
	maker_el(&m, (PqEl) PQ_LEAF("key", PQ_REQ, T_INT32));
	maker_el(&m, (PqEl) PQ_LEAF("value", PQ_OPT, T_INT32));
	leaf(&m, 1, "01000", 2, "22012", 0);
	leaf(&m, 1, "01000", 3, "32013", 10);
	check(&m, 4, "m", want);
}

static void
maps_without_values_are_lists_of_keys(void **state)
{
	static const char *const want[] = {"[0 1]", "[]"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("m", PQ_OPT, 1, C_MAP));
	maker_el(&m, (PqEl) PQ_GROUP_("key_value", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_LEAF("key", PQ_REQ, T_INT32));
	leaf(&m, 1, "010", 2, "221", 0);
	check(&m, 2, "m", want);
}

static void
null_structs_and_structs_of_nulls_differ(void **state)
{
	static const char *const want[] = {"null", "{null 10}", "{0 null}", "{null null}"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_("s", PQ_OPT, 2));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_OPT, T_INT32));
	maker_el(&m, (PqEl) PQ_LEAF("y", PQ_OPT, T_INT32));
	leaf(&m, 0, "0000", 2, "0121", 0);
	leaf(&m, 0, "0000", 2, "0211", 10);
	check(&m, 4, "s", want);
}

static void
structs_hold_lists_and_lists_hold_structs(void **state)
{
	static const char *const want[] = {"{0 [{10} null]}", "null", "{1 null}", "{2 [{null}]}"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_("s", PQ_OPT, 2));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_REQ, T_INT32));
	maker_el(&m, (PqEl) PQ_GROUP_AS("l", PQ_OPT, 1, C_LIST));
	maker_el(&m, (PqEl) PQ_GROUP_("list", PQ_REP, 1));
	maker_el(&m, (PqEl) PQ_GROUP_("element", PQ_OPT, 1));
	maker_el(&m, (PqEl) PQ_LEAF("y", PQ_OPT, T_INT32));
	leaf(&m, 0, "0000", 1, "1011", 0);
	leaf(&m, 1, "01000", 5, "53014", 10);
	check(&m, 4, "s", want);
}

/* A struct below which no list is: its leaves are read by the nested path, too. */
static void
required_structs_of_required_leaves(void **state)
{
	static const char *const want[] = {"{0 10}", "{1 11}"};
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_("s", PQ_REQ, 2));
	maker_el(&m, (PqEl) PQ_LEAF("x", PQ_REQ, T_INT32));
	maker_el(&m, (PqEl) PQ_LEAF("y", PQ_REQ, T_INT32));
	leaf(&m, 0, "00", 0, "00", 0);
	leaf(&m, 0, "00", 0, "00", 10);
	check(&m, 2, "s", want);
}

static void
a_leaf_inside_a_list_is_no_column(void **state)
{
	LhPqColumn *col;
	Maker m;

	list_schema(&m, *state);
	leaf(&m, 1, "00", 3, "33", 0);
	ASSERT_FAILS(m.ctx, open_node(&m, 2, "l.list.element", &col), LH_UNSUPPORTED, "inside a list");
}

/* ---- pages ---- */

/* Rows of v1 pages may go on in the next page. */
static void
rows_go_on_over_v1_pages(void **state)
{
	static const char *const want[] = {"[0 1 2 3 4]", "[5]", "null"};

	for (int batch = 1; batch <= 3; batch++)
	{
		LhPqColumn *col;
		LhVec v;
		Maker m;

		list_schema(&m, *state);
		maker_begin(&m, T_INT32);
		leaf_page(&m, 1, "01", 3, "33", 0);
		leaf_page(&m, 1, "11", 3, "33", 2);
		leaf_page(&m, 1, "10", 3, "33", 4);
		leaf_page(&m, 1, "0", 3, "0", 0);
		maker_end(&m);
		ASSERT_OK(m.ctx, open_node(&m, 3, "l", &col));
		for (int row = 0; row < 3; row += batch)
		{
			int n = row + batch <= 3 ? batch : 3 - row;

			ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, row, n, NULL, &v));
			assert_rows(&v, 0, n, want + row);
		}
	}
}

/* 400 lists "[i i+1]" of which every seventh is null, in pages of 20 rows. */
static void
many_lists(Maker *m, LhCtx *ctx, bool v2, bool dict, bool index)
{
	int64_t at[20],
		first[20];
	int size[20];

	list_schema(m, ctx);
	maker_begin(m, T_INT32);
	if (dict)
	{
		Tw w = {0};

		for (int32_t i = 0; i <= 400; i++)
			tw_bytes(&w, &i, 4);
		maker_dict(m, &w, 401);
	}
	for (int page = 0; page < 20; page++)
	{
		uint32_t rep[40],
			def[40],
			codes[40];
		int n = 0,
			values = 0,
			nulls = 0;
		Tw r = {0},
		   d = {0},
		   w = {0};

		for (int i = 0; i < 20; i++)
		{
			int row = page * 20 + i;

			if (row % 7 == 0)
			{
				rep[n] = 0;
				def[n++] = 0;
				nulls++;
				continue;
			}
			for (int k = 0; k < 2; k++)
			{
				rep[n] = (uint32_t) k;
				def[n++] = 3;
				codes[values++] = (uint32_t) (row + k);
			}
		}
		/* pages 13 to 15 fall back to plain */
		bool coded = dict && (page < 13 || page > 15);

		if (v2)
		{
			put_packed(&r, 1, rep, (size_t) n);
			put_packed(&d, 2, def, (size_t) n);
		}
		else
		{
			put_levels(&w, 1, rep, (size_t) n);
			put_levels(&w, 2, def, (size_t) n);
		}
		if (coded)
			put_codes(&w, 9, codes, (size_t) values);
		else
			tw_bytes(&w, codes, (size_t) values * 4);
		if (v2)
			maker_v2(m, &r, &d, &w, n, nulls, 20, coded ? LH_PQ_RLE_DICTIONARY : LH_PQ_PLAIN, 0);
		else
			maker_v1(m, &w, n, coded ? LH_PQ_RLE_DICTIONARY : LH_PQ_PLAIN);
		at[page] = m->page_at;
		size[page] = m->page_size;
		first[page] = page * 20;
	}
	maker_end(m);
	if (index)
		maker_index(m, 0, 20, at, size, first);
}

static void
assert_many(const LhVec *v, int row, int n, const LhSel *sel)
{
	for (int i = 0; i < n; i++)
	{
		char text[200] = "",
			 want[200];

		if (sel != NULL && !lh_bit_get(sel->w, (size_t) i))
			continue;
		show(v, (uint32_t) i, text);
		if ((row + i) % 7 == 0)
			strcpy(want, "null");
		else
			sprintf(want, "[%d %d]", row + i, row + i + 1);
		assert_string_equal(text, want);
	}
}

static void
rows_in_any_pieces_and_selections(void **state)
{
	for (int kind = 0; kind < 8; kind++)
	{
		for (int round = 0; round < 20; round++)
		{
			LhCtx *ctx = *state;
			LhArena *old = ctx->arena;
			LhArena *arena = lh_arena_child(old);
			LhPqColumn *col;
			LhVec v;
			Maker m;

			lh_use(ctx, arena);
			many_lists(&m, ctx, kind & 1, kind & 2, kind & 4);
			ASSERT_OK(ctx, open_node(&m, 400, "l", &col));
			for (int row = (int) below(100); row < 400;)
			{
				int n = 1 + (int) below(60);
				LhSel sel;

				n = n < 400 - row ? n : 400 - row;
				lh_sel_none(&sel, n);
				for (int i = 0; i < n; i++)
				{
					if (below(8) != 0)
						continue;
					lh_bit_set(sel.w, (size_t) i);
					sel.count++;
				}
				ASSERT_OK(ctx, lh_pq_column_read(ctx, col, row, n, round % 2 ? &sel : NULL, &v));
				assert_int_equal(v.n, n);
				assert_many(&v, row, n, round % 2 ? &sel : NULL);
				row += n + (below(3) == 0 ? (int) below(80) : 0);
			}
			lh_pq_column_close(col);
			lh_use(ctx, old);
			lh_arena_destroy(arena);
		}
	}
}

static void
pages_of_rows_passed_over_are_not_read(void **state)
{
	/* by v2's count of rows, and by the page index */
	for (int kind = 0; kind < 2; kind++)
	{
		LhCtx *ctx = *state;
		uint64_t before = ctx->counters->v[LH_CTR_PAGES_READ];
		LhPqColumn *col;
		LhVec v;
		Maker m;

		many_lists(&m, ctx, kind == 0, false, kind == 1);
		ASSERT_OK(ctx, open_node(&m, 400, "l", &col));
		ASSERT_OK(ctx, lh_pq_column_read(ctx, col, 5, 3, NULL, &v));
		assert_many(&v, 5, 3, NULL);
		ASSERT_OK(ctx, lh_pq_column_read(ctx, col, 325, 3, NULL, &v));
		assert_many(&v, 325, 3, NULL);
		if (kind == 0)
			assert_int_equal(ctx->counters->v[LH_CTR_PAGES_READ] - before, 2);
	}
}

static void
all_dictionary_pages_give_codes(void **state)
{
	LhPqColumn *col;
	LhVec v;
	Maker m;

	many_lists(&m, *state, false, true, false);
	ASSERT_OK(m.ctx, open_node(&m, 400, "l", &col));
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 200, NULL, &v));
	assert_int_equal(v.children[0].kind, LH_VEC_DICT);
	/* pages 13 to 15 are plain */
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 200, 200, NULL, &v));
	assert_int_equal(v.children[0].kind, LH_VEC_FLAT);
	assert_many(&v, 200, 200, NULL);
}

/* One row of 5,000 elements: children are larger than a batch. */
static void
children_may_be_longer_than_a_batch(void **state)
{
	LhPqColumn *col;
	Tw w = {0},
	   levels = {0};
	uint32_t len;
	LhVec v;
	Maker m;

	list_schema(&m, *state);
	maker_begin(&m, T_INT32);
	put_rle(&levels, 1, 0, 1);
	put_rle(&levels, 1, 1, 4999);
	len = (uint32_t) levels.len;
	tw_bytes(&w, &len, 4);
	tw_bytes(&w, levels.p, levels.len);
	levels.len = 0;
	put_rle(&levels, 2, 3, 4990);
	put_rle(&levels, 2, 2, 10);
	len = (uint32_t) levels.len;
	tw_bytes(&w, &len, 4);
	tw_bytes(&w, levels.p, levels.len);
	tw_free(&levels);
	for (int32_t i = 0; i < 4990; i++)
		tw_bytes(&w, &i, 4);
	maker_v1(&m, &w, 5000, LH_PQ_PLAIN);
	maker_end(&m);
	ASSERT_OK(m.ctx, open_node(&m, 1, "l", &col));
	assert_int_equal(lh_pq_column_natural(col, 0, 100), 13);
	ASSERT_OK(m.ctx, lh_pq_column_read(m.ctx, col, 0, 1, NULL, &v));
	assert_int_equal(v.offsets[1], 5000);
	assert_int_equal(v.children[0].n, 5000);
	assert_int_equal(lh_vec_value(&v.children[0], 4989).i64, 4989);
	assert_true(lh_vec_is_null(&v.children[0], 4990));
}

/* ---- damage ---- */

/* GH-45185 */
static void
a_column_begins_with_repetition_level_zero(void **state)
{
	Maker m;

	list_schema(&m, *state);
	leaf(&m, 1, "100", 3, "333", 0);
	check_refused(&m, 2, "l", "repetition level 1");
}

static void
a_v2_page_begins_with_a_row(void **state)
{
	Maker m;

	list_schema(&m, *state);
	maker_begin(&m, T_INT32);
	for (int page = 0; page < 2; page++)
	{
		Tw r = {0},
		   d = {0},
		   w = {0};

		put_packed(&r, 1, (uint32_t[]) {(uint32_t) page, 1, 0, 0, 0, 0, 0, 0}, 3);
		put_rle(&d, 2, 3, 3);
		tw_bytes(&w, "0123456789ab", 12);
		maker_v2(&m, &r, &d, &w, 3, 0, 2 - page, LH_PQ_PLAIN, 0);
	}
	maker_end(&m);
	check_refused(&m, 3, "l", "repetition level 1");
}

static void
a_v2_page_has_the_rows_it_says(void **state)
{
	Maker m;

	list_schema(&m, *state);
	maker_begin(&m, T_INT32);
	for (int page = 0; page < 2; page++)
	{
		Tw r = {0},
		   d = {0},
		   w = {0};

		put_packed(&r, 1, (uint32_t[]) {0, 1, 0, 0, 0, 0, 0, 0}, 3);
		put_rle(&d, 2, 3, 3);
		tw_bytes(&w, "0123456789ab", 12);
		maker_v2(&m, &r, &d, &w, 3, 0, 3 - 2 * page, LH_PQ_PLAIN, 0);
	}
	maker_end(&m);
	check_refused(&m, 4, "l", "its header says 3");
}

/* GH-41317 for lists: rows are what counts, not values. */
static void
too_few_and_too_many_rows_are_refused(void **state)
{
	for (int rows = 3; rows <= 5; rows += 2)
	{
		Maker m;

		list_schema(&m, *state);
		leaf(&m, 1, "001001", 3, "333333", 0);
		check_refused(&m, rows, "l", rows == 5 ? "ends after 4 of 5 rows" : "goes on after");
	}
}

static void
siblings_must_have_equally_many_entries(void **state)
{
	Maker m;

	maker_init(&m, *state);
	maker_el(&m, (PqEl) PQ_GROUP_AS("m", PQ_OPT, 1, C_MAP));
	maker_el(&m, (PqEl) PQ_GROUP_("key_value", PQ_REP, 2));
	maker_el(&m, (PqEl) PQ_LEAF("key", PQ_REQ, T_INT32));
	maker_el(&m, (PqEl) PQ_LEAF("value", PQ_OPT, T_INT32));
	leaf(&m, 1, "010", 2, "222", 0);
	leaf(&m, 1, "00", 3, "33", 10);
	check_refused(&m, 2, "m", "contradict");
}

static void
values_must_be_as_many_as_levels_say(void **state)
{
	Tw w = {0};
	Maker m;

	list_schema(&m, *state);
	maker_begin(&m, T_INT32);
	put_levels(&w, 1, (uint32_t[]) {0, 1, 1}, 3);
	put_levels(&w, 2, (uint32_t[]) {3, 3, 3}, 3);
	tw_bytes(&w, "01234567", 8);
	maker_v1(&m, &w, 3, LH_PQ_PLAIN);
	maker_end(&m);
	check_refused(&m, 1, "l", "fewer INT32 values");
}

static void
fewer_levels_than_promised_are_refused(void **state)
{
	Tw w = {0};
	Maker m;

	list_schema(&m, *state);
	maker_begin(&m, T_INT32);
	put_levels(&w, 1, (uint32_t[]) {0, 0, 0, 0, 0, 0, 0, 0}, 8);
	put_levels(&w, 2, (uint32_t[]) {0, 0, 0, 0, 0, 0, 0, 0}, 8);
	maker_v1(&m, &w, 21, LH_PQ_PLAIN);
	maker_end(&m);
	check_refused(&m, 21, "l", "levels");
}

/* Levels of two billion nulls take 20 bytes of file: the budget must say no. */
static void
list_bombs_meet_the_budget(void **state)
{
	LhBudget budget = {.limit = 4 << 20, .setting = "work_mem"};
	LhCtx *ctx = *state;
	LhArena *old = ctx->arena;
	LhArena *arena = lh_arena_create(&budget);
	LhPqColumn *col;
	Tw w = {0},
	   rep = {0},
	   def = {0};
	uint32_t len;
	LhVec v;
	Maker m;

	list_schema(&m, ctx);
	maker_begin(&m, T_INT32);
	put_rle(&rep, 1, 0, 1);
	put_rle(&rep, 1, 1, 1999999999);
	put_rle(&def, 2, 2, 2000000000);
	len = (uint32_t) rep.len;
	tw_bytes(&w, &len, 4);
	tw_bytes(&w, rep.p, rep.len);
	len = (uint32_t) def.len;
	tw_bytes(&w, &len, 4);
	tw_bytes(&w, def.p, def.len);
	tw_free(&rep);
	tw_free(&def);
	maker_v1(&m, &w, 2000000000, LH_PQ_PLAIN);
	maker_end(&m);
	lh_use(ctx, arena);
	ASSERT_OK(ctx, open_node(&m, 1, "l", &col));
	assert_int_equal(lh_pq_column_read(ctx, col, 0, 1, NULL, &v), LH_NO_MEMORY);
	assert_true(budget.peak < 16 << 20);
	lh_use(ctx, old);
	lh_arena_destroy(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(null_lists_empty_lists_and_null_elements_differ),
		TEST(required_lists_of_required_elements),
		TEST(rule_10_lists_of_two_levels),
		TEST(rule_10_repeated_group_as_element),
		TEST(rule_10_repeated_group_named_tuple),
		TEST(rule_10_repeated_group_of_several_fields),
		TEST(rule_10_repeated_fields_without_annotation),
		TEST(rule_10_repeated_groups_without_annotation),
		TEST(rule_10_lists_of_lists_in_two_levels),
		TEST(lists_of_lists_in_three_levels),
		TEST(maps_have_keys_and_values),
		TEST(maps_without_values_are_lists_of_keys),
		TEST(null_structs_and_structs_of_nulls_differ),
		TEST(structs_hold_lists_and_lists_hold_structs),
		TEST(required_structs_of_required_leaves),
		TEST(a_leaf_inside_a_list_is_no_column),
		TEST(rows_go_on_over_v1_pages),
		TEST(rows_in_any_pieces_and_selections),
		TEST(pages_of_rows_passed_over_are_not_read),
		TEST(all_dictionary_pages_give_codes),
		TEST(children_may_be_longer_than_a_batch),
		TEST(a_column_begins_with_repetition_level_zero),
		TEST(a_v2_page_begins_with_a_row),
		TEST(a_v2_page_has_the_rows_it_says),
		TEST(too_few_and_too_many_rows_are_refused),
		TEST(siblings_must_have_equally_many_entries),
		TEST(values_must_be_as_many_as_levels_say),
		TEST(fewer_levels_than_promised_are_refused),
		TEST(list_bombs_meet_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
