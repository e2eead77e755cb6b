/* SPDX-License-Identifier: Apache-2.0 */
/* Criterion draws the address of what it shares with its workers by rand_r(), 2^24 bytes apart from 0x200000000000 on,
 * and ThreadSanitizer lets a program map hardly any of those. Drawing only where it may lets the two work together. */
#include <stdlib.h>

#define FIRST 0x350000u /* 0x550000000000 */
#define COUNT 0x18000u

int rand_r(unsigned int *seed) {
    *seed = *seed * 1103515245u + 12345u;
    return (int)(FIRST + (*seed >> 8) % COUNT);
}
