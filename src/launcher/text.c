/* Strings: see text.h. */
#include "text.h"

size_t length(const char *text)
{
	size_t n = 0;
	while (text[n]) n++;
	return n;
}

bool equal(const char *a, const char *b)
{
	while (*a && *a == *b) a++, b++;
	return *a == *b;
}

bool starts_with(const char *text, const char *prefix)
{
	while (*prefix && *text == *prefix) text++, prefix++;
	return !*prefix;
}

const char *find(const char *text, char wanted)
{
	for (; *text; text++)
		if (*text == wanted) return text;
	return NULL;
}

const char *find_last(const char *text, char wanted)
{
	const char *found = NULL;
	for (; *text; text++)
		if (*text == wanted) found = text;
	return found;
}

const char *last_name(const char *path)
{
	const char *slash = find_last(path, '/');
	return slash ? slash + 1 : path;
}

struct text text_in(char *buffer, size_t size)
{
	buffer[0] = 0;
	return (struct text){.at = buffer, .end = buffer + size - 1, .full = false};
}

void add_bytes(struct text *text, const char *more, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text->at == text->end) {
			text->full = true;
			break;
		}
		*text->at++ = more[i];
	}
	*text->at = 0;
}

void add(struct text *text, const char *more)
{
	add_bytes(text, more, length(more));
}

void add_number(struct text *text, uint64_t number)
{
	char digits[NUMBER_ROOM];
	add(text, decimal(number, digits));
}

const char *decimal(uint64_t number, char *buffer)
{
	char *at = buffer + NUMBER_ROOM - 1;
	*at = 0;
	do *--at = (char)('0' + number % 10);
	while (number /= 10);
	return at;
}

bool parse_number(const char *digits, unsigned base, uint64_t *out)
{
	uint64_t value = 0;
	if (!*digits) return false;
	for (; *digits; digits++) {
		unsigned digit;
		if (*digits >= '0' && *digits <= '9') digit = (unsigned)(*digits - '0');
		else if (*digits >= 'a' && *digits <= 'f') digit = (unsigned)(*digits - 'a' + 10);
		else if (*digits >= 'A' && *digits <= 'F') digit = (unsigned)(*digits - 'A' + 10);
		else return false;
		if (digit >= base || value > (UINT64_MAX - digit) / base) return false;
		value = value * base + digit;
	}
	*out = value;
	return true;
}
