/* Words that the tables of cases share. */
#pragma once

#include "sim/attack.h"

#define R(name) GODWIT_REASON_##name
#define REFUSED(...) .end = ATTACK_REFUSED, .reasons = {__VA_ARGS__}
#define KEPT .end = ATTACK_KEPT
#define WHOLE .end = ATTACK_WHOLE
#define INSTALLED .end = ATTACK_INSTALLED
#define CONTROL .flags = ATTACK_IS_CONTROL
#define LIVE .flags = ATTACK_IS_LIVE
#define LIVE_CONTROL .flags = ATTACK_IS_LIVE | ATTACK_IS_CONTROL
/* A judge of whom the board believed. */
#define BELIEF(function) .check = (function), .checks_belief = true
/* What a thief of the server has. */
#define SERVER .holds = KEY_BIT(KEY_DEPLOY)

/* Tables end with an empty row. */
extern const struct attack_case ATTACK_CODE[], ATTACK_TIME[], ATTACK_WIRE[], ATTACK_PLACES[],
    ATTACK_KEYS[], ATTACK_SIGNATURES[], ATTACK_POLICIES[];

/* The genuine next release is offered. */
void attack_offer_next(struct attack *attack);
/* The next release of the thief's own, signed by the keys of param. */
void attack_offer_forged(struct attack *attack);
/* Sends a text as the whole reply to a request. */
void attack_send_text(struct attack *attack, struct attack_response *response, const char *text,
                      size_t size);
