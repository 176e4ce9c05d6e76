/* What a device is told whose check-in is not taken. */
#pragma once

#include "fleet/device.h"
#include "http/http.h"

void refuse_unknown(struct http_request *request);
/* It says more than is written down of one device: the same report is taken later. */
void refuse_too_many(struct http_request *request, int64_t now_s);
/* A claim that brings no device in and is not pending. */
void refuse_claim(struct http_request *request, enum claim_result result);
