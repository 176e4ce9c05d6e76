/* A line that is cut is cut between characters (shown_fit), and a colour ends where its text does,
 * so that nothing is left on whatever comes next. */
#include "cli/canvas.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

#define PIECE_MAX 1024
#define CUT "…"

static void append(struct canvas *canvas, const char *text, size_t size)
{
    if (canvas->size + size + 1 > canvas->room) {
        canvas->room = 2 * (canvas->size + size + 1);
        canvas->text = realloc(canvas->text, canvas->room);
        if (!canvas->text) abort();
    }
    memcpy(canvas->text + canvas->size, text, size);
    canvas->size += size;
    canvas->text[canvas->size] = '\0';
}

void canvas_put_cut(struct canvas *canvas, enum colour colour, const char *text, size_t columns)
{
    char begin[16];
    bool is_coloured = canvas->has_colours && colour != COLOUR_NONE;
    size_t left = canvas->columns > canvas->used ? canvas->columns - canvas->used : 0;
    if (columns > left) columns = left;
    bool is_cut = shown_width(text) > columns;
    size_t size = shown_fit(text, is_cut && columns ? columns - 1 : columns);
    if (!columns || canvas->lines >= canvas->lines_max) return;
    snprintf(begin, sizeof begin, "\033[%dm", (int)colour);
    if (is_coloured) append(canvas, begin, strlen(begin));
    append(canvas, text, size);
    if (is_cut) append(canvas, CUT, sizeof CUT - 1);
    if (is_coloured) append(canvas, "\033[0m", 4);
    canvas->used += shown_width(text) - shown_width(text + size) + is_cut;
}

void canvas_put(struct canvas *canvas, enum colour colour, const char *text)
{
    canvas_put_cut(canvas, colour, text, SIZE_MAX);
}

void canvas_putf(struct canvas *canvas, enum colour colour, const char *format, ...)
{
    char text[PIECE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    canvas_put(canvas, colour, text);
}

void canvas_pad(struct canvas *canvas, size_t column)
{
    while (canvas->used < column && canvas->used < canvas->columns &&
           canvas->lines < canvas->lines_max)
        canvas_put(canvas, COLOUR_NONE, " ");
}

void canvas_end_line(struct canvas *canvas)
{
    if (canvas->lines >= canvas->lines_max) return;
    append(canvas, "\n", 1);
    canvas->lines++;
    canvas->used = 0;
}

const char *canvas_text(const struct canvas *canvas)
{
    return canvas->text ? canvas->text : "";
}

size_t canvas_lines(const struct canvas *canvas)
{
    return canvas->lines;
}

void canvas_clear(struct canvas *canvas)
{
    canvas->size = canvas->used = canvas->lines = 0;
    if (canvas->text) canvas->text[0] = '\0';
}

void canvas_free(struct canvas *canvas)
{
    free(canvas->text);
    *canvas = (struct canvas){0};
}
