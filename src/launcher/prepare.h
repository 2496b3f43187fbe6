/* The slow path: have langrun install, compile or decide what a start needs, and answer with a plan. */
#pragma once

#include "start.h"

/* A memfd that holds the plan; if langrun fails, exits as it did. */
int prepare_plan(const struct start *start);
