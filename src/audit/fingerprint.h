/*
 * fingerprint.h
 *		Fingerprints of statements: a hash of their words.
 *
 * Equal for texts that differ in literals, comments, white space and the case of words that are not quoted; in the numbers of
 * parameters; in how many elements of a shape a list has (IN (...), ARRAY[...], rows of VALUES).  No byte of a literal is
 * hashed, whatever the text is: where it cannot be told what is one, the fingerprint ends.
 *
 * The definition is LH_AUDIT_FINGERPRINT_PREFIX: another one has another prefix.
 */
#ifndef LH_AUDIT_FINGERPRINT_H
#define LH_AUDIT_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

#define LH_AUDIT_FINGERPRINT_PREFIX "t1-"

/* Bytes that are looked at: statements that are equal as far are equal. */
#define LH_AUDIT_FINGERPRINT_MOST 65536

/* Of one statement's text, in a character set whose bytes below 128 are ASCII.  0: it has no words. */
extern uint64_t lh_audit_fingerprint(const char *text, size_t len);

#endif
