/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/reader.h"

#include "base/check.h"
#include "journal/format.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_NAME "mark"
#define SEGMENT_ENDING ".segment"

struct reading {
    const char *directory;
    int fd;
    struct mark mark;
    void *owner;
    journal_on_entry *on_entry;
};

static bool fail(const struct reading *reading, const char *name, const char *what, struct failure *failure) {
    return failure_set(failure, "cannot %s %s/%s: %s", what, reading->directory, name, strerror(errno));
}

/* The whole file as it is now; the caller frees it. A copy, so that what is checked is what is decoded. */
static bool file_read(const struct reading *reading, const char *name, struct bytes *bytes, struct failure *failure) {
    int fd = openat(reading->fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(reading, name, "open", failure);
    struct stat status;
    uint8_t *data = NULL;
    size_t size = 0;
    ssize_t got = -1;
    if (fstat(fd, &status) == 0 && status.st_size <= JOURNAL_SEGMENT_BYTES_MAX) {
        data = malloc((size_t)status.st_size + 1);
        CHECK(data != NULL);
        while ((got = pread(fd, data + size, (size_t)status.st_size - size, (off_t)size)) > 0)
            size += (size_t)got;
    }
    close(fd);
    if (got < 0) {
        free(data);
        return fail(reading, name, "read", failure);
    }
    *bytes = bytes_of(data, size);
    return true;
}

static bool mark_read(struct reading *reading, struct failure *failure) {
    struct bytes bytes = {0};
    bool is_found = false;
    if (!file_read(reading, MARK_NAME, &bytes, failure))
        return false;
    for (size_t at = 0; at + HEADER_SIZE <= bytes.size; at += BLOCK_SIZE) {
        struct mark mark;
        if (mark_decode(bytes_of(bytes.data + at, HEADER_SIZE), &mark) &&
            (!is_found || mark.sequence > reading->mark.sequence)) {
            reading->mark = mark;
            is_found = true;
        }
    }
    free((void *)(uintptr_t)bytes.data);
    return is_found || failure_set(failure, "%s/" MARK_NAME " can't be understood", reading->directory);
}

/* Everything before the mark is where it belongs. */
static bool is_before_mark(const struct reading *reading, uint32_t generation, uint32_t offset) {
    const struct position drained = reading->mark.drained;
    return generation < drained.generation || (generation == drained.generation && offset < drained.offset);
}

static void segment_tell(const struct reading *reading, struct bytes bytes) {
    struct segment_header header;
    if (bytes.size < RECORDS_BEGIN || !header_decode(bytes_of(bytes.data, HEADER_SIZE), &header) ||
        header.journal != reading->mark.journal || header.generation == 0)
        return;
    if (header.size < bytes.size)
        bytes.size = header.size;
    uint32_t at = RECORDS_BEGIN;
    uint32_t length, write_begin;
    struct entry entry;
    for (; record_is_good(bytes, at, header.generation, &length, &write_begin); at += length)
        if (record_decode(bytes, at, &entry))
            reading->on_entry(reading->owner, &entry, is_before_mark(reading, header.generation, at));
}

static bool is_segment(const char *name) {
    size_t size = strlen(name);
    size_t ending = strlen(SEGMENT_ENDING);
    return size > ending && strcmp(name + size - ending, SEGMENT_ENDING) == 0;
}

static bool segments_read(const struct reading *reading, DIR *directory, struct failure *failure) {
    const struct dirent *file;
    while ((file = readdir(directory)) != NULL) {
        struct bytes bytes = {0};
        if (!is_segment(file->d_name))
            continue;
        if (!file_read(reading, file->d_name, &bytes, failure))
            return false;
        segment_tell(reading, bytes);
        free((void *)(uintptr_t)bytes.data);
    }
    return true;
}

bool journal_read(const char *directory, void *owner, journal_on_entry *on_entry, struct failure *failure) {
    struct reading reading = {.directory = directory, .owner = owner, .on_entry = on_entry};
    DIR *opened = opendir(directory);
    if (opened == NULL)
        return failure_set(failure, "cannot read %s: %s", directory, strerror(errno));
    reading.fd = dirfd(opened);
    bool is_read = mark_read(&reading, failure) && segments_read(&reading, opened, failure);
    closedir(opened);
    return is_read;
}
