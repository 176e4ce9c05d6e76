/* Many runs of one rollout on a fleet that was made once, each in a child of its own. */
#pragma once

#include "sim/model_fleet.h"

/* So many seeds behind run.first_seed; ends_out has room for as many. Exits where a run ends
 * without a result. */
void model_runs(struct model_fleet *model, struct model_run run, struct model_end *ends_out,
                uint32_t seeds);
