/* Strings, without a C library and without system calls (the plan's parser is tested on its own). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t length(const char *text);
bool equal(const char *a, const char *b);
bool starts_with(const char *text, const char *prefix);
/* The place of the first or the last `wanted` in text, or NULL. */
const char *find(const char *text, char wanted);
const char *find_last(const char *text, char wanted);
/* The name after the last '/'. */
const char *last_name(const char *path);

/* A string that is being put together in a buffer; what does not fit is dropped and remembered. */
struct text {
	char *at;
	char *end;
	bool full;
};
struct text text_in(char *buffer, size_t size);
void add(struct text *text, const char *more);
void add_bytes(struct text *text, const char *more, size_t size);
void add_number(struct text *text, uint64_t number);

#define NUMBER_ROOM 24
/* The number in decimal, in a buffer of NUMBER_ROOM bytes. */
const char *decimal(uint64_t number, char *buffer);
/* The value of a run of digits of `base` that ends at NUL; false if it is none or too big. */
bool parse_number(const char *digits, unsigned base, uint64_t *out);
