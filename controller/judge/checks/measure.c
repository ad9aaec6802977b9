/* `signal:` — a statistic of measured series. */
#include "judge/judge_state.h"
#include "judge/measure_compile.h"

const mst_check_kind mst_check_kind_measure = {
    .key = "signal",
    .class_letter = 'S',
    .compile = mst_measure_compile,
    .done = mst_measure_done,
    .evaluate = mst_measure_evaluate,
};
