/* godwit inspect: what a file is, and every problem found. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "cli/inspect.h"
#include "options/options.h"

int cmd_inspect(int argc, char **argv)
{
    const char *path = NULL;
    bool wants_json = false;
    const struct option_row rows[] = {
        {"--json", OPTION_FLAG, &wants_json, NULL, "print JSON"},
    };
    const struct options options = {
        "inspect",
        "FILE [--json]",
        "Says what a file is, what its descriptor says, who signed it and what is wrong with it.\n"
        "Exit status 0 only for a sound application image.",
        rows,
        1,
        &path,
        1,
        1};
    int status = options_parse(&options, argc, argv, NULL);
    if (status >= 0) return status;

    uint8_t *data;
    size_t size;
    struct inspection inspection;
    if (!file_read("inspect", path, FILE_SIZE_MAX, &data, &size)) return 1;
    godwit_err err = inspect(&inspection, path, data, size);
    free(data);
    if (err) {
        fprintf(stderr, "godwit inspect: %s\n", godwit_err_sentence(err));
        return 1;
    }
    if (wants_json) {
        json_t *json = inspection_json(&inspection);
        json_dumpf(json, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(json);
    } else {
        inspection_print(&inspection);
    }
    return inspection.check.problems_count ? 1 : 0;
}
