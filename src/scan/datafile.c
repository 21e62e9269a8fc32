/*
 * datafile.c
 *		The formats of data files that scans can read.
 */
#include "scan/datafile.h"

#include "store/sealed.h"

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
	LhDataOptions keyed = *options;
	const char *path = lh_object_id(obj)->path;

	if ((unsigned) format >= LH_N_FILE_FORMATS || formats[format] == NULL)
		LH_FAIL(ctx, LH_UNSUPPORTED, "file \"%s\": %s files cannot be read yet", path,
				lh_file_format_name(format));
	/* metadata that is not Iceberg's own means nothing to us: the file says whether it is encrypted */
	if (lh_file_key_is(options->key_metadata))
	{
		LH_TRY(lh_file_key_parse(ctx, path, options->key_metadata, &keyed.parquet.file_key));
		/* Parquet has an encryption of its own */
		if (format != LH_FILE_PARQUET)
			LH_TRY(lh_sealed_open(ctx, obj, keyed.parquet.file_key, &obj));
	}
	LH_TRY(formats[format]->open(ctx, obj, &keyed, out));
	(*out)->format = formats[format];
	(*out)->path = path;
	return LH_OK;
}
