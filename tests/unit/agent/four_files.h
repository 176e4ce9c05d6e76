/* Three good releases and a failing one, for the tests that tell of more than one update. */
#pragma once

#include "surprises.h"

static struct firmware first, second, third, failing;

static inline int make_files(void **state)
{
    (void)state;
    first = make("1.0.0", BEHAVIOUR_HEALTHY, 0);
    second = make("2.0.0", BEHAVIOUR_HEALTHY, 0);
    third = make("3.0.0", BEHAVIOUR_HEALTHY, 0);
    failing = make("9.0.0", BEHAVIOUR_WRONG_CONFIG, 0);
    return 0;
}

static inline int free_files(void **state)
{
    (void)state;
    free(first.data);
    free(second.data);
    free(third.data);
    free(failing.data);
    return 0;
}
