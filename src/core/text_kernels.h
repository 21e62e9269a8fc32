/*
 * text_kernels.h
 *		Between text.c and its kernels.
 */
#ifndef LH_CORE_TEXT_KERNELS_H
#define LH_CORE_TEXT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As lh_utf8_valid: PostgreSQL's UTF-8 without a NUL. */
extern bool lh_utf8_valid_avx2(const uint8_t *p, size_t n);

#endif
