/*
 * json.h
 *		Which members of a document are to be masked, and how.
 *
 * Paths are a small part of SQL/JSON's, in its lax mode: a step by name goes through arrays.
 *
 *	$.person.ssn		$.cards[*].number		$.list[0]		$..ssn (at any depth)
 *	$.*.ssn				$."odd name".x			person.ssn (the $ may be left out)
 *
 * All paths together are one automaton, a bit for each step, so that a document is walked once and a member
 * costs the same however many paths there are; there are at most 64 steps, the end of each path being one.
 */
#ifndef LH_MASK_JSON_H
#define LH_MASK_JSON_H

#include "mask/text.h"

#define LH_MASK_JSON_STEPS 64
#define LH_MASK_JSON_DEPTH 256	/* of documents */

typedef enum LhMaskStepKind
{
	LH_MASK_STEP_END, LH_MASK_STEP_KEY, LH_MASK_STEP_ANY_KEY, LH_MASK_STEP_INDEX, LH_MASK_STEP_ANY_INDEX
} LhMaskStepKind;

typedef struct LhMaskStep
{
	LhMaskStepKind kind;
	bool		deep;			/* at any depth */
	LhSlice		key;			/* points into the path, as it is written */
	uint32_t	index;
} LhMaskStep;

typedef struct LhMaskPaths
{
	size_t		n;
	LhMaskStep	steps[LH_MASK_JSON_STEPS];
	uint64_t	start;			/* state of the whole document */
	uint64_t	ends;			/* a state with one of these is of a member that is to be masked */
} LhMaskPaths;

/* Add a path, which has to live as long; LH_MASK_ARGUMENT: it is none, or there are too many steps. */
extern LhMaskOutcome lh_mask_paths_add(LhMaskPaths *paths, LhSlice path);
/* From the state of an object or array to that of a member. */
extern uint64_t lh_mask_paths_key(const LhMaskPaths *paths, uint64_t state, LhSlice key);
extern uint64_t lh_mask_paths_index(const LhMaskPaths *paths, uint64_t state, uint64_t index);

/* What stands in place of a member: "null", "constant:TEXT", "partial:FIRST:FILL:LAST". */
typedef enum LhMaskMemberKind
{
	LH_MASK_MEMBER_NULL, LH_MASK_MEMBER_CONSTANT, LH_MASK_MEMBER_PARTIAL
} LhMaskMemberKind;

typedef struct LhMaskMember
{
	LhMaskMemberKind kind;
	LhSlice		text;			/* constant or fill */
	int64_t		first,
				last;
} LhMaskMember;

/* LH_MASK_ARGUMENT: it is none of these.  Points into "how". */
extern LhMaskOutcome lh_mask_member(LhSlice how, LhMaskMember *member);

#endif
