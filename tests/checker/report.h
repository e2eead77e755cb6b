/* SPDX-License-Identifier: Apache-2.0 */
/* report: a verdict for people. */
#ifndef VAXEL_TESTS_CHECKER_REPORT_H
#define VAXEL_TESTS_CHECKER_REPORT_H

#include "checker/checker.h"

#include <stdio.h>

void report_verdict(FILE *file, const struct verdict_of_checker *verdict);

#endif
