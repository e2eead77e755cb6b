/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's directory: segments at their full size, so that a disk that fills up later takes nothing from it, and
 * the mark. A file comes to its name when it is whole and safe; what has another name is left alone. */
#include "journal/internal.h"

#include "base/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK_NAME "mark"
#define MADE_NAME "made"
#define FILE_MODE 0600
#define DIRECTORY_MODE 0700

void segment_name(const struct segment *segment, char name[NAME_SIZE]) {
    snprintf(name, NAME_SIZE, "%04u.segment", segment->number);
}

static bool parse_name(const char *name, uint32_t *number) {
    uint32_t value = 0;
    const char *at = name;
    for (; *at >= '0' && *at <= '9' && at - name < 9; at++)
        value = 10 * value + (uint32_t)(*at - '0');
    *number = value;
    return at - name >= 4 && strcmp(at, ".segment") == 0;
}

static bool fail(const struct journal *journal, const char *name, const char *what, struct failure *failure) {
    return failure_set(failure, "cannot %s %s/%s: %s", what, journal->directory, name, strerror(errno));
}

static bool directory_open(struct journal *journal, struct failure *failure) {
    if (mkdir(journal->directory, DIRECTORY_MODE) != 0 && errno != EEXIST)
        return failure_set(failure, "cannot make the directory %s: %s", journal->directory, strerror(errno));
    journal->directory_fd = open(journal->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (journal->directory_fd < 0)
        return failure_set(failure, "cannot open the directory %s: %s", journal->directory, strerror(errno));
    if (flock(journal->directory_fd, LOCK_EX | LOCK_NB) != 0)
        return failure_set(failure, "%s is in use by another process", journal->directory);
    unlinkat(journal->directory_fd, MADE_NAME, 0); /* if a crash left one */
    return true;
}

/* ---- reading ---- */

static struct segment *add_segment(struct journal *journal, uint32_t number) {
    size_t size = (journal->segment_count + 1) * sizeof *journal->segments;
    journal->segments = realloc(journal->segments, size);
    CHECK(journal->segments != NULL);
    struct segment *segment = &journal->segments[journal->segment_count++];
    *segment = (struct segment){.number = number, .fd = -1};
    return segment;
}

static int by_number(const void *one, const void *other) {
    uint32_t left = ((const struct segment *)one)->number;
    uint32_t right = ((const struct segment *)other)->number;
    return (left > right) - (left < right);
}

static bool directory_list(struct journal *journal, struct failure *failure) {
    int fd = openat(journal->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        close(fd);
        return failure_set(failure, "cannot read the directory %s: %s", journal->directory, strerror(errno));
    }
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        uint32_t number;
        if (parse_name(entry->d_name, &number))
            add_segment(journal, number);
    }
    closedir(directory);
    if (journal->segment_count > 0)
        qsort(journal->segments, journal->segment_count, sizeof *journal->segments, by_number);
    return true;
}

static bool size_is_possible(uint32_t size) {
    return size % BLOCK_SIZE == 0 && size > RECORDS_BEGIN && size <= JOURNAL_SEGMENT_BYTES_MAX;
}

static bool segment_load(struct journal *journal, struct segment *segment, struct failure *failure) {
    char name[NAME_SIZE];
    segment_name(segment, name);
    segment->fd = openat(journal->directory_fd, name, O_RDWR | O_CLOEXEC);
    struct stat status;
    if (segment->fd < 0 || fstat(segment->fd, &status) != 0)
        return fail(journal, name, "open", failure);
    uint8_t bytes[HEADER_SIZE] = {0};
    if (pread(segment->fd, bytes, sizeof bytes, 0) < 0)
        return fail(journal, name, "read", failure);
    struct segment_header header;
    segment->has_header = header_decode(bytes_of(bytes, sizeof bytes), &header) && size_is_possible(header.size);
    bool is_large = status.st_size > JOURNAL_SEGMENT_BYTES_MAX;
    segment->file_size = is_large ? (uint32_t)JOURNAL_SEGMENT_BYTES_MAX : (uint32_t)status.st_size;
    segment->size = segment->has_header ? header.size : segment->file_size;
    if (!segment->has_header)
        return true;
    segment->generation = header.generation;
    segment->previous_end = header.previous_end;
    if (journal->mark_fd >= 0 && header.journal != journal->identity)
        return failure_set(failure, "%s/%s belongs to another journal: move it back to where it came from",
                           journal->directory, name);
    return true;
}

static bool mark_load(struct journal *journal, struct failure *failure) {
    journal->mark_fd = openat(journal->directory_fd, MARK_NAME, O_RDWR | O_CLOEXEC);
    if (journal->mark_fd < 0)
        return errno == ENOENT || fail(journal, MARK_NAME, "open", failure);
    bool is_found = false;
    for (off_t turn = 0; turn < 2; turn++) {
        uint8_t bytes[HEADER_SIZE] = {0};
        if (pread(journal->mark_fd, bytes, sizeof bytes, turn * BLOCK_SIZE) < 0)
            return fail(journal, MARK_NAME, "read", failure);
        struct mark mark;
        if (mark_decode(bytes_of(bytes, sizeof bytes), &mark) &&
            (!is_found || mark.sequence > journal->marked.sequence)) {
            journal->marked = mark;
            is_found = true;
        }
    }
    if (!is_found)
        return failure_set(failure, "%s/" MARK_NAME " is damaged: " JOURNAL_ADVICE, journal->directory);
    journal->identity = journal->marked.journal;
    return true;
}

bool files_open(struct journal *journal, struct failure *failure) {
    if (!directory_open(journal, failure) || !mark_load(journal, failure) || !directory_list(journal, failure))
        return false;
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        if (!segment_load(journal, &journal->segments[i], failure))
            return false;
    }
    return true;
}

/* ---- making ---- */

static bool write_safe(int fd, const uint8_t *bytes, size_t size, off_t offset) {
    ssize_t written = pwrite(fd, bytes, size, offset);
    if (written >= 0 && (size_t)written != size)
        errno = EIO;
    return written == (ssize_t)size && fdatasync(fd) == 0;
}

/* Zeros that are written, not only reserved: a sync of what goes over them later has nothing but data to write, which
 * makes it several times as quick. */
static bool fill(int fd, uint32_t size) {
    static const uint8_t zeros[64 * BLOCK_SIZE];
    for (uint32_t at = 0; at < size;) {
        ssize_t written = pwrite(fd, zeros, size - at < sizeof zeros ? size - at : sizeof zeros, (off_t)at);
        if (written <= 0)
            return false;
        at += (uint32_t)written;
    }
    return true;
}

/* A new file of this size with these bytes in front; comes to its name when it is whole. */
static int make_file(struct journal *journal, const char *name, uint32_t size, const uint8_t bytes[HEADER_SIZE],
                     struct failure *failure) {
    int fd = openat(journal->directory_fd, MADE_NAME, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        fail(journal, name, "make", failure);
        return -1;
    }
    errno = posix_fallocate(fd, 0, size);
    if (errno != 0 || !fill(fd, size) || !write_safe(fd, bytes, HEADER_SIZE, 0) || fsync(fd) != 0 ||
        renameat(journal->directory_fd, MADE_NAME, journal->directory_fd, name) != 0 ||
        fsync(journal->directory_fd) != 0) {
        fail(journal, name, "make", failure);
        close(fd);
        unlinkat(journal->directory_fd, MADE_NAME, 0);
        return -1;
    }
    return fd;
}

bool files_make_mark(struct journal *journal, struct failure *failure) {
    CHECK(journal->mark_fd < 0);
    journal->marked = (struct mark){.journal = journal->identity, .drained = {1, RECORDS_BEGIN}};
    uint8_t bytes[HEADER_SIZE];
    mark_encode(bytes, &journal->marked);
    journal->mark_fd = make_file(journal, MARK_NAME, 2 * BLOCK_SIZE, bytes, failure);
    return journal->mark_fd >= 0;
}

static uint32_t unused_number(const struct journal *journal) {
    uint32_t number = 0;
    for (uint32_t i = 0; i < journal->segment_count; i++)
        number = journal->segments[i].number >= number ? journal->segments[i].number + 1 : number;
    return number;
}

static bool segment_make(struct journal *journal, struct failure *failure) {
    struct segment *segment = add_segment(journal, unused_number(journal));
    segment->size = (uint32_t)journal->options.segment_bytes;
    const struct segment_header header = {.journal = journal->identity, .size = segment->size};
    uint8_t bytes[HEADER_SIZE];
    header_encode(bytes, &header);
    char name[NAME_SIZE];
    segment_name(segment, name);
    segment->fd = make_file(journal, name, segment->size, bytes, failure);
    return segment->fd >= 0;
}

static bool segment_remove(struct journal *journal, uint32_t index, struct failure *failure) {
    struct segment *segment = &journal->segments[index];
    char name[NAME_SIZE];
    segment_name(segment, name);
    if (unlinkat(journal->directory_fd, name, 0) != 0)
        return fail(journal, name, "remove", failure);
    close(segment->fd);
    journal->segment_count--;
    memmove(segment, segment + 1, (journal->segment_count - index) * sizeof *segment);
    return true;
}

static bool remove_unfit(struct journal *journal, uint32_t wanted, struct failure *failure) {
    for (uint32_t i = journal->segment_count; i-- > 0;) {
        const struct segment *segment = &journal->segments[i];
        bool is_fit = segment->has_header && segment->file_size >= segment->size &&
                      segment->size == journal->options.segment_bytes && journal->mark_fd >= 0 &&
                      journal->segment_count <= wanted;
        if (!segment->is_live && !is_fit && !segment_remove(journal, i, failure))
            return false;
    }
    return true;
}

static bool segment_map(struct journal *journal, struct segment *segment, struct failure *failure) {
    char name[NAME_SIZE];
    segment_name(segment, name);
    void *memory = mmap(NULL, segment->size, PROT_READ, MAP_SHARED, segment->fd, 0);
    if (memory == MAP_FAILED)
        return fail(journal, name, "map", failure);
    segment->bytes = bytes_of(memory, segment->size);
    segment->drained = calloc(segment->size / RECORD_ALIGNMENT / 64, sizeof *segment->drained);
    CHECK(segment->drained != NULL);
    return true;
}

bool files_fit(struct journal *journal, struct failure *failure) {
    uint32_t wanted = (uint32_t)(journal->options.capacity_bytes / journal->options.segment_bytes);
    if (journal->mark_fd < 0) {
        if (getrandom(&journal->identity, sizeof journal->identity, 0) != sizeof journal->identity)
            return failure_set(failure, "cannot draw a random number: %s", strerror(errno));
    }
    if (!remove_unfit(journal, wanted, failure))
        return false;
    while (journal->segment_count < wanted) {
        if (!segment_make(journal, failure))
            return false;
    }
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        if (!segment_map(journal, &journal->segments[i], failure))
            return false;
    }
    return true;
}

bool files_cut(struct journal *journal, struct segment *segment, uint32_t offset, struct failure *failure) {
    static const uint8_t zeros[BLOCK_SIZE];
    char name[NAME_SIZE];
    segment_name(segment, name);
    for (uint32_t at = offset; at < segment->size;) {
        uint32_t size = BLOCK_SIZE - at % BLOCK_SIZE;
        if (pwrite(segment->fd, zeros, size, at) != (ssize_t)size)
            return fail(journal, name, "cut", failure);
        at += size;
    }
    return fdatasync(segment->fd) == 0 || fail(journal, name, "cut", failure);
}

void files_close(struct journal *journal) {
    for (uint32_t i = 0; i < journal->segment_count; i++) {
        struct segment *segment = &journal->segments[i];
        if (segment->bytes.data != NULL)
            munmap((void *)(uintptr_t)segment->bytes.data, segment->bytes.size);
        free(segment->drained);
        if (segment->fd >= 0)
            close(segment->fd);
    }
    free(journal->segments);
    if (journal->mark_fd >= 0)
        close(journal->mark_fd);
    if (journal->directory_fd >= 0)
        close(journal->directory_fd);
}
