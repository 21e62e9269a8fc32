/*
 * page.h
 *		Internal: pages and decoders (between metadata and columns).
 */
#ifndef LH_PARQUET_PAGE_H
#define LH_PARQUET_PAGE_H

#include "parquet/parquet.h"

typedef enum LhPqPageType
{
	LH_PQ_DATA_PAGE = 0, LH_PQ_INDEX_PAGE = 1, LH_PQ_DICTIONARY_PAGE = 2, LH_PQ_DATA_PAGE_V2 = 3
} LhPqPageType;

/* A page header as read; sizes are checked against the limits of reference 6.9 by the parser. */
typedef struct LhPqPageHeader
{
	int			type;
	int32_t		uncompressed_size;
	int32_t		compressed_size;
	bool		has_crc;
	uint32_t	crc;
	int32_t		num_values;
	int			encoding;
	int			def_encoding,
				rep_encoding;	/* v1 */
	int32_t		num_nulls,
				num_rows;		/* v2 */
	int32_t		def_length,
				rep_length;		/* v2, bytes */
	bool		is_compressed;	/* v2; default true */
	int			header_size;	/* bytes of the header itself, as it lies in the file */
	int32_t		stored_size;	/* bytes of the body in the file: compressed_size, and what encryption adds */
	int			ordinal;		/* of a data page in an encrypted chunk */
} LhPqPageHeader;

/*
 * Parse a page header from at most len bytes.  *need_more is set (and LH_OK
 * returned) when the bytes end before the header does.
 */
extern LhStatus lh_pq_page_header_parse(LhCtx *ctx, const uint8_t *p, size_t len,
										LhPqPageHeader *out, bool *need_more);

/*
 * Largest page that is accepted: what parquet.thrift can say.  Pages of 1 GB and
 * some bytes exist (large_string_map.brotli.parquet of parquet-testing); memory
 * is taken only for what the codec may really inflate to (page.c).
 */
#define LH_PQ_MAX_PAGE INT32_MAX

#endif
