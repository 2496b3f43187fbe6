/* Feeds the launcher's parsers from files: `harness plan|trailer FILE…` and `harness mutate SEED COUNT FILE`. Built with the
 * address and undefined-behaviour sanitizers, which end it with a report when a parser reads or writes where it must not. */
#include "../../src/launcher/plan.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of exactly the right size, so that the sanitizer sees one byte beyond. */
static char *exact(const char *bytes, size_t size)
{
	char *copy = malloc(size ? size : 1);
	memcpy(copy, bytes, size);
	return copy;
}

static const char *parse(const char *kind, const char *bytes, size_t size)
{
	static struct plan plan;
	struct trailer trailer;
	char *copy = exact(bytes, size);
	const char *problem;
	if (!strcmp(kind, "trailer")) {
		problem = parse_trailer(&trailer, copy, size);
		if (!problem && !trailer.language) problem = "(no trailer)";
	} else {
		problem = parse_plan(&plan, copy, size);
		if (!problem) (void)(visible(&plan, "/home/user/x") + visible(&plan, "/") + visible(&plan, ""));
		size_t total = 0;
		for (size_t i = 0; !problem && i < plan.count; i++)
			for (int k = 0; k < 2; k++)
				if (plan.records[i].operand[k]) total += strlen(plan.records[i].operand[k]);
		if (total > size) abort();
	}
	free(copy);
	return problem;
}

int main(int argc, char **argv)
{
	static char bytes[PLAN_LIMIT * 2], changed[PLAN_LIMIT * 2];
	int first = !strcmp(argv[1], "mutate") ? 4 : 2;
	for (int i = first; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		size_t size = fread(bytes, 1, sizeof bytes, file);
		fclose(file);
		if (first == 2) {
			const char *problem = parse(argv[1], bytes, size);
			puts(problem ? problem : "good");
			continue;
		}
		srand((unsigned)atoi(argv[2]));
		int good = 0;
		for (int n = atoi(argv[3]); n > 0; n--) {
			memcpy(changed, bytes, size);
			size_t length = rand() % 4 ? size : (size_t)rand() % (size + 1);
			for (int k = rand() % 6; k >= 0 && length; k--) {
				size_t at = (size_t)rand() % length;
				switch (rand() % 4) {
				case 0: changed[at] = (char)rand(); break;
				case 1: changed[at] = 0; break;
				case 2: changed[at] = '\n'; break;
				default: memmove(changed + at, changed + (size_t)rand() % length, 1); break;
				}
			}
			good += !parse("plan", changed, length);
			if (size == TRAILER_SIZE) parse("trailer", changed, size);
		}
		printf("%s\n", good >= 0 ? "survived" : "");
	}
	return 0;
}
