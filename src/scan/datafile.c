/*
 * datafile.c
 *		The formats of data files that scans can read.
 */
#include "scan/datafile.h"

static const LhDataFormat *const formats[LH_N_FILE_FORMATS] = {
	[LH_FILE_PARQUET] = &lh_data_parquet,
	[LH_FILE_AVRO] = &lh_data_avro,
	[LH_FILE_ORC] = &lh_data_orc,
};

const char *
lh_file_format_name(LhFileFormat format)
{
	static const char *const names[LH_N_FILE_FORMATS] = {
		[LH_FILE_PARQUET] = "Parquet",
		[LH_FILE_AVRO] = "Avro",
		[LH_FILE_ORC] = "ORC",
	};

	return (unsigned) format < LH_N_FILE_FORMATS ? names[format] : "unknown";
}

LhStatus
lh_data_open(LhCtx *ctx, LhFileFormat format, LhObject *obj, const LhDataOptions *options,
			 LhDataFile **out)
{
	if ((unsigned) format >= LH_N_FILE_FORMATS || formats[format] == NULL)
		LH_FAIL(ctx, LH_UNSUPPORTED, "file \"%s\": %s files cannot be read yet",
				lh_object_id(obj)->path, lh_file_format_name(format));
	if (options->key_metadata.len > 0)
		LH_FAIL(ctx, LH_UNSUPPORTED,
				"file \"%s\" is encrypted by its table, which cannot be read yet",
				lh_object_id(obj)->path);
	LH_TRY(formats[format]->open(ctx, obj, options, out));
	(*out)->format = formats[format];
	(*out)->path = lh_object_id(obj)->path;
	return LH_OK;
}
