/* SPDX-License-Identifier: Apache-2.0 */
/* log_text: what stands in a line of the log, safe to be read by people and programs. Private to log. */
#ifndef VAXEL_BASE_LOG_TEXT_H
#define VAXEL_BASE_LOG_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Text that grows up to `end`; what does not fit is cut. */
struct log_text {
    char *at;
    const char *end;
};

void log_text_plain(struct log_text *text, const char *words);
/* A value of key=value: quoted where it must be. */
void log_text_value(struct log_text *text, const char *value);
/* As printf(3), with the conversions that log.h names; a %s behind '=' is a value. */
void log_text_format(struct log_text *text, const char *format, va_list arguments);

#endif
