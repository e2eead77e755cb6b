/* SPDX-License-Identifier: Apache-2.0 */
/* check: what cannot be. An assertion that stays on in release: a broken invariant about money ends the program. */
#ifndef VAXEL_BASE_CHECK_H
#define VAXEL_BASE_CHECK_H

_Noreturn void check_failed(const char *condition, const char *file, int line);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

#endif
