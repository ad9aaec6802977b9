#ifndef MST_JUDGE_MEASURE_COMPILE_H
#define MST_JUDGE_MEASURE_COMPILE_H

#include "checklist.h"

/* The `signal:` check: its keys, and what goes with what. */
bool mst_measure_compile(const mst_yaml_node *node, mst_compile *compile, mst_check *check);
void mst_measure_done(mst_check *check);

#endif
