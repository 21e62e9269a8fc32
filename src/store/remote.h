/*
 * remote.h
 *		Internal: what the files of store/ share about network locations.
 *
 *	remote.c			rights, connections, credentials, URLs of S3
 *	remote_object.c		reading: ranges, coalescing, read-ahead
 *	web.c				http and https: single objects
 *	s3_list.c			S3: listings
 *	xml.c				the XML of its answers
 *	s3_output.c			S3: writing
 */
#ifndef LH_STORE_REMOTE_H
#define LH_STORE_REMOTE_H

#include "net/net.h"
#include "store/local.h"
#include "store/object.h"

/* What a listing or a HEAD told of an object. */
typedef struct LhRemoteInfo
{
	int64_t size;
	const char *etag;     /* "" : none */
	const char *modified; /* Last-Modified; "" : none */
	int64_t mtime_ns;     /* the same as a number; 0: none */
} LhRemoteInfo;

/* The network side of a store. */
typedef struct LhRemote
{
	const LhRemoteAccess *access;
	const char *scope;
	LhArena *arena;
	LhNet *net;
	LhUrl endpoint; /* of S3 */
	bool path_style;
	const char *region;
	/* what listings of this statement told, so that opening need not ask again */
	LhNameMap *known;
	int nknown, cap_known;
	LhRemoteInfo *infos;
} LhRemote;

/* A network location in its parts. */
typedef struct LhRemotePath
{
	LhScheme scheme;
	const char *path;   /* as it is shown */
	LhUrl url;          /* http(s) */
	const char *bucket; /* S3 */
	const char *key;    /* S3: raw */
} LhRemotePath;

/* remote.c */

/* The store's network side; LH_DENIED when it has none. */
extern LhStatus lh_store_remote(LhCtx *ctx, LhStore *store, LhRemote **out);
/* Split a raw path. */
extern LhStatus lh_remote_split(LhCtx *ctx, LhScheme scheme, const char *path, LhRemotePath *out);
/* A request for an object, or with key "" for the bucket; query is encoded, may be NULL. */
extern LhStatus lh_remote_request(LhCtx *ctx, LhRemote *remote, const LhRemotePath *path,
								  const char *query, LhHttpMethod method, LhHttp *out);
/* A status that is no success: "could not read "path"" and why. */
extern LhStatus lh_remote_fail(LhCtx *ctx, const LhRemotePath *path, const LhHttp *http,
							   const char *doing);
extern LhStatus lh_remote_know(LhCtx *ctx, LhRemote *remote, const char *path,
							   const LhRemoteInfo *info);
/* NULL: nothing is known. */
extern const LhRemoteInfo *lh_remote_known(const LhRemote *remote, const char *path);

/* web.c: size and version of an object; LH_NOT_FOUND without it. */
extern LhStatus lh_remote_head(LhCtx *ctx, LhRemote *remote, const LhRemotePath *path,
							   LhRemoteInfo *out);
extern LhStatus lh_web_list(LhCtx *ctx, LhStore *store, const char *path, LhList *out);

/* remote_object.c */
extern LhStatus lh_remote_object_open(LhCtx *ctx, LhStore *store, LhScheme scheme,
									  const char *path, LhObject **out);

/* s3_list.c; path is a pattern */
extern LhStatus lh_s3_list(LhCtx *ctx, LhStore *store, const char *path, const char *suffix,
						   size_t max_files, LhList *out);
extern LhStatus lh_s3_children(LhCtx *ctx, LhStore *store, const char *path, LhList *out);

#endif
