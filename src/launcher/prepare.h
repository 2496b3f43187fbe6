/* The slow path: have langrun install, compile or decide what a start needs, and answer with a plan. */
#pragma once

#include "start.h"

/* A memfd that holds the plan, or -1 if there is no langrun to ask; if langrun fails, exits as it did. */
int prepare_plan(const struct start *start);
