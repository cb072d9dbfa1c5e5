/* SPDX-License-Identifier: Apache-2.0
 * SHA-256, and a digest that tells secrets apart without giving them away: PBKDF2 with HMAC-SHA-256
 * (RFC 8018). Our own since nothing that is linked offers one: libcurl keeps its own to itself, and
 * the library behind its TLS is another one on each machine. Knows nothing of Lua. */
#ifndef CDFW_DIGEST_H
#define CDFW_DIGEST_H

#include <stddef.h>

enum { CDFW_DIGEST_SIZE = 32 /* bytes */ };

void cdfw_digest_sha256(const char *text, size_t length, unsigned char out[CDFW_DIGEST_SIZE]);

/* `salt` may be public. Whoever guesses the secret pays for `rounds` HMACs a guess. */
void cdfw_digest_stretch(const char *secret, size_t secret_length, const char *salt,
                         size_t salt_length, unsigned rounds, unsigned char out[CDFW_DIGEST_SIZE]);

#endif
