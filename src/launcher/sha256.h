/* SHA-256 (FIPS 180-4). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX 65 /* 64 digits and a NUL */

struct sha256 {
	uint32_t state[8];
	uint64_t size;
	unsigned char block[64];
};

struct sha256 sha256_start(void);
void sha256_add(struct sha256 *hash, const void *bytes, size_t size);
/* The digest in lower-case hexadecimal. */
void sha256_end(struct sha256 *hash, char hex[SHA256_HEX]);
