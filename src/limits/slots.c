/* SPDX-License-Identifier: Apache-2.0 */
#include "limits/slots.h"

#include "limits/internal.h"

#include <string.h>

/* CRC-16/XMODEM, as the cluster specification has it. */
static uint16_t crc16(const char *text, size_t size) {
    uint16_t crc = 0;
    for (size_t i = 0; i < size; i++) {
        crc = (uint16_t)(crc ^ (uint16_t)((uint8_t)text[i] << 8));
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

/* The hash tag of all keys of an organisation is its number. */
uint16_t slot_of_organisation(int32_t organisation) {
    char text[20];
    return crc16(text, name_number(text, organisation)) % SLOT_COUNT;
}

bool slot_map_give(struct slot_map *map, uint32_t first, uint32_t last, const char *primary) {
    CHECK(first <= last && last < SLOT_COUNT);
    uint32_t index = 0;
    while (index < map->primary_count && strcmp(map->primaries[index], primary) != 0)
        index++;
    if (index == map->primary_count) {
        if (index == PRIMARIES_CAPACITY || strlen(primary) >= ENDPOINT_SIZE)
            return false;
        endpoint_copy(map->primaries[index], primary);
        map->primary_count++;
    }
    memset(map->owners + first, (int)index + 1, last - first + 1);
    return true;
}
