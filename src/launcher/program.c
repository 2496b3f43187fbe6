/* The last step: become the program. */
#include "program.h"
#include "die.h"
#include "env.h"
#include "text.h"

static char **make_arguments(const struct start *start, const struct plan *plan);

_Noreturn void become_program(const struct start *start, const struct plan *plan)
{
	char **argv = make_arguments(start, plan);
	char **envp = make_environment(start, plan);
	long error = SYS(execve, plan->exec, argv, envp);
	die(error == -ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, "cannot execute", plan->exec, error, NULL);
}

static char **make_arguments(const struct start *start, const struct plan *plan)
{
	size_t given = 0, n = 0;
	while (start->args[given]) given++;
	char **argv = memory((plan->count + given + 2) * sizeof *argv);
	for (size_t i = 0; i < plan->count; i++) {
		const struct record *record = &plan->records[i];
		/* The cast: execve(2) takes what it does not change. */
		if (record->operation == OP_ARG && !(start->trailer.shim && n)) argv[n++] = (char *)(uintptr_t)record->operand[0];
		if (start->trailer.shim) continue;
		if (record->operation == OP_SCRIPT && start->script) argv[n++] = (char *)(uintptr_t)start->script;
		if (record->operation == OP_ARGS)
			for (size_t k = 0; k < given; k++) argv[n++] = start->args[k];
	}
	/* A shim stands for the interpreter itself: the caller's arguments are its own. */
	for (size_t k = 0; start->trailer.shim && k < given; k++) argv[n++] = start->args[k];
	if (!n) argv[0] = (char *)(uintptr_t)plan->exec;
	return argv;
}
