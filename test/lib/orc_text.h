/*
 * orc_text.h
 *		Values of ORC columns as JSON, in the form of test/golden/orc.py.
 */
#ifndef ORC_TEXT_H
#define ORC_TEXT_H

#include <stdio.h>
#include <string.h>

#include "orc/orc.h"

static inline void
orc_put_bytes(FILE *out, LhStr s)
{
	fputc('"', out);
	for (uint32_t i = 0; i < s.len; i++)
		fprintf(out, "%02x", s.ptr[i]);
	fputc('"', out);
}

static inline void
orc_put_scalar(FILE *out, const LhValue *v)
{
	uint64_t bits;
	char text[64];

	switch (v->type.id)
	{
		case LH_T_BOOL: fputs(v->i64 ? "true" : "false", out); break;
		case LH_T_FLOAT:
		case LH_T_DOUBLE:
			memcpy(&bits, &v->f64, 8);
			fprintf(out, "\"%016llx\"", (unsigned long long) bits);
			break;
		case LH_T_DECIMAL:
			lh_decimal_format(v->type.lane == LH_LANE_I64 ? v->i64 : v->i128, v->type.scale, text);
			fprintf(out, "\"%s\"", text);
			break;
		default:
			if (v->type.lane == LH_LANE_STR || v->type.lane == LH_LANE_FIX)
				orc_put_bytes(out, v->str);
			else
				fprintf(out, "%lld", (long long) v->i64);
			break;
	}
}

static inline void orc_put_value(FILE *out, const LhOrcMeta *meta, int node, const LhVec *v, int i);

static inline int
orc_child_node(const LhOrcMeta *meta, int node, int k)
{
	int c = meta->nodes[node].first_child;

	while (k-- > 0)
		c = meta->nodes[c].next;
	return c;
}

static inline void
orc_put_struct(FILE *out, const LhOrcMeta *meta, int node, const LhVec *v, int i)
{
	bool is_union = meta->nodes[node].kind == LH_ORC_UNION;

	if (!is_union)
		fputc('[', out);
	for (int k = 0; k < v->nchildren; k++)
	{
		if (is_union && lh_vec_is_null(&v->children[k], i))
			continue;
		if (k > 0 && !is_union)
			fputc(',', out);
		orc_put_value(out, meta, orc_child_node(meta, node, k), &v->children[k], i);
		if (is_union)
			return;
	}
	fputs(is_union ? "null" : "]", out);
}

static inline void
orc_put_list(FILE *out, const LhOrcMeta *meta, int node, const LhVec *v, int i)
{
	fputc('[', out);
	for (uint32_t k = v->offsets[i]; k < v->offsets[i + 1]; k++)
	{
		if (k > v->offsets[i])
			fputc(',', out);
		if (v->nchildren == 2)
			fputc('[', out);
		for (int c = 0; c < v->nchildren; c++)
		{
			if (c > 0)
				fputc(',', out);
			orc_put_value(out, meta, orc_child_node(meta, node, c), &v->children[c], (int) k);
		}
		if (v->nchildren == 2)
			fputc(']', out);
	}
	fputc(']', out);
}

static inline void
orc_put_value(FILE *out, const LhOrcMeta *meta, int node, const LhVec *v, int i)
{
	LhValue value;

	if (lh_vec_is_null(v, i))
	{
		fputs("null", out);
		return;
	}
	switch (meta->nodes[node].kind)
	{
		case LH_ORC_LIST:
		case LH_ORC_MAP: orc_put_list(out, meta, node, v, i); return;
		case LH_ORC_STRUCT:
		case LH_ORC_UNION: orc_put_struct(out, meta, node, v, i); return;
		default: value = lh_vec_value(v, i); orc_put_scalar(out, &value); return;
	}
}

#endif
