/* Which passwords a person may choose. What the server makes itself passes by far. */
#pragma once

#define PASSWORD_SIZE_MIN 12
#define PASSWORD_SIZE_MAX 256

/* What is wrong with it and what to do, as a sentence; NULL: it may be taken. */
const char *password_fault(const char *password, const char *user);
