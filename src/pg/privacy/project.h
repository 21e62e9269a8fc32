/*
 * project.h
 *		Rows whose masks are constants.
 */
#ifndef LH_PRIVACY_PROJECT_H
#define LH_PRIVACY_PROJECT_H

#include "pg/privacy/privacy.h"

#include "executor/execdesc.h"

/* A plan that was started: its scans get their own projection where they do no more than put constants beside columns. */
extern void lh_project_started(QueryDesc *query);

#endif
