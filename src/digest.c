/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104) and PBKDF2 (RFC 8018); see digest.h. What could give the
 * secret away is wiped. */
#include "digest.h"

#include <stdint.h>
#include <string.h>

#include "buffer.h"

enum { BLOCK_SIZE = 64 /* bytes that SHA-256 takes at once */ };

/* {==== SHA-256 ==== */

typedef struct sha256 {
  uint32_t state[8];
  uint64_t length; /* bytes so far */
  unsigned char block[BLOCK_SIZE];
} sha256;

static void start(sha256 *hash) {
  static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(hash->state, first, sizeof first);
  hash->length = 0;
}

static uint32_t turn(uint32_t value, int bits) {
  return value >> bits | value << (32 - bits);
}

/* The 64 words that a block of 16 is spread to. */
static void spread(uint32_t words[64], const unsigned char *block) {
  for (int i = 0; i < 16; i++, block += 4)
    words[i] =
        (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
  for (int i = 16; i < 64; i++) {
    uint32_t a = words[i - 15], b = words[i - 2];
    words[i] = words[i - 16] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) + words[i - 7] +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
  }
}

static void compress(uint32_t state[8], const unsigned char *block) {
  static const uint32_t constants[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
      0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
      0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
      0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
      0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
      0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
      0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
      0xc67178f2};
  uint32_t words[64], s[8];
  spread(words, block);
  memcpy(s, state, sizeof s);
  for (int i = 0; i < 64; i++) {
    uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    uint32_t one =
        s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + choice + constants[i] + words[i];
    uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + majority;
    memmove(s + 1, s, 7 * sizeof s[0]);
    s[4] += one;
    s[0] = one + two;
  }
  for (int i = 0; i < 8; i++)
    state[i] += s[i];
  cdfw_wipe(words, sizeof words);
}

static void update(sha256 *hash, const void *data, size_t length) {
  const unsigned char *at = data;
  while (length > 0) {
    size_t held = (size_t)(hash->length % BLOCK_SIZE), part = BLOCK_SIZE - held;
    if (part > length) part = length;
    memcpy(hash->block + held, at, part);
    hash->length += part;
    if (held + part == BLOCK_SIZE) compress(hash->state, hash->block);
    at += part;
    length -= part;
  }
}

static void finish(sha256 *hash, unsigned char out[CDFW_DIGEST_SIZE]) {
  static const unsigned char padding[BLOCK_SIZE] = {0x80};
  unsigned char bits[8];
  for (int i = 0; i < 8; i++)
    bits[i] = (unsigned char)(hash->length * 8 >> (56 - 8 * i));
  update(hash, padding, 1 + (BLOCK_SIZE + 55 - (size_t)(hash->length % BLOCK_SIZE)) % BLOCK_SIZE);
  update(hash, bits, sizeof bits);
  for (int i = 0; i < CDFW_DIGEST_SIZE; i++)
    out[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
  cdfw_wipe(hash, sizeof *hash);
}

/* }==== */

void cdfw_digest_sha256(const char *text, size_t length, unsigned char out[CDFW_DIGEST_SIZE]) {
  sha256 hash;
  start(&hash);
  update(&hash, text, length);
  finish(&hash, out);
}

/* {==== HMAC ==== */

typedef struct hmac {
  sha256 inner, outer; /* as they are once the key has gone in */
} hmac;

static void start_padded(sha256 *hash, const unsigned char key[BLOCK_SIZE], unsigned char pad) {
  unsigned char block[BLOCK_SIZE];
  for (int i = 0; i < BLOCK_SIZE; i++)
    block[i] = key[i] ^ pad;
  start(hash);
  update(hash, block, sizeof block);
  cdfw_wipe(block, sizeof block);
}

static void set_key(hmac *mac, const char *secret, size_t length) {
  unsigned char key[BLOCK_SIZE] = {0};
  if (length <= BLOCK_SIZE) {
    memcpy(key, secret, length);
  } else {
    sha256 hash;
    start(&hash);
    update(&hash, secret, length);
    finish(&hash, key);
  }
  start_padded(&mac->inner, key, 0x36);
  start_padded(&mac->outer, key, 0x5c);
  cdfw_wipe(key, sizeof key);
}

/* Of two texts, one behind the other. `out` may be one of them. */
static void authenticate(const hmac *mac, const void *text, size_t length, const void *more,
                         size_t more_length, unsigned char out[CDFW_DIGEST_SIZE]) {
  sha256 inner = mac->inner, outer = mac->outer;
  update(&inner, text, length);
  update(&inner, more, more_length);
  finish(&inner, out);
  update(&outer, out, CDFW_DIGEST_SIZE);
  finish(&outer, out);
}

/* }==== */

void cdfw_digest_stretch(const char *secret, size_t secret_length, const char *salt,
                         size_t salt_length, unsigned rounds, unsigned char out[CDFW_DIGEST_SIZE]) {
  static const unsigned char first_block[4] = {0, 0, 0, 1};
  unsigned char link[CDFW_DIGEST_SIZE];
  hmac mac;
  set_key(&mac, secret, secret_length);
  authenticate(&mac, salt, salt_length, first_block, sizeof first_block, link);
  memcpy(out, link, sizeof link);
  for (unsigned i = 1; i < rounds; i++) {
    authenticate(&mac, link, sizeof link, NULL, 0, link);
    for (int k = 0; k < CDFW_DIGEST_SIZE; k++)
      out[k] ^= link[k];
  }
  cdfw_wipe(&mac, sizeof mac);
  cdfw_wipe(link, sizeof link);
}
