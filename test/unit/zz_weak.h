LhStatus lh_ice_file_rows(LhCtx *ctx, LhIceTable *table, LhIceMetaTable which, LhIceRowFn fn, void *arg);
__attribute__((weak)) LhStatus lh_ice_file_rows(LhCtx *ctx, LhIceTable *table, LhIceMetaTable which, LhIceRowFn fn, void *arg) { return LH_BUG; }
