/* Lines for a terminal that never grow wider or more than it has room for: what does not fit is
 * cut. Colours only where they are wanted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct canvas {
    size_t columns, lines_max; /* the room */
    bool has_colours;
    /* private */
    char *text;
    size_t size, room, used, lines; /* used: columns of the line that is begun */
};

/* Of a terminal's select graphic rendition. */
enum colour {
    COLOUR_NONE = 0,
    COLOUR_BOLD = 1,
    COLOUR_DIM = 2,
    COLOUR_RED = 31,
    COLOUR_GREEN = 32,
    COLOUR_YELLOW = 33,
    COLOUR_BLUE = 34,
    COLOUR_MAGENTA = 35,
    COLOUR_CYAN = 36
};

/* Appends to the line that is begun; text as it may be shown. */
void canvas_put(struct canvas *canvas, enum colour colour, const char *text);
void canvas_putf(struct canvas *canvas, enum colour colour, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* In so many columns at most; what is cut ends with "…". */
void canvas_put_cut(struct canvas *canvas, enum colour colour, const char *text, size_t columns);
/* Spaces up to that column; none where the line is there already. */
void canvas_pad(struct canvas *canvas, size_t column);
void canvas_end_line(struct canvas *canvas);
/* The lines, each with its line feed; "" for none. */
const char *canvas_text(const struct canvas *canvas);
size_t canvas_lines(const struct canvas *canvas);
/* Empties it. */
void canvas_clear(struct canvas *canvas);
void canvas_free(struct canvas *canvas);
