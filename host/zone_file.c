/* Finds a time zone in the system's zone data. The part of zone.h that does I/O; owns nothing
 * beyond a call. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nearest.h"
#include "zone.h"

#define LONGEST_PATH 512
#define LARGEST_FILE (256 * 1024)
#define DEEPEST 3 /* America/Argentina/Buenos_Aires */

static const char *data_folder(void)
{
    const char *folder = getenv("TZDIR");
    return folder != NULL && *folder != '\0' ? folder : "/usr/share/zoneinfo";
}

/* Letters, digits and _ + - / alone, and no way out of the folder. */
static bool is_zone_name(const char *name)
{
    if (*name == '\0' || *name == '/' || strlen(name) > 100)
        return false;
    for (const char *p = name; *p != '\0'; p++) {
        bool letter = ((*p | 32) >= 'a' && (*p | 32) <= 'z') || (*p >= '0' && *p <= '9');
        if (!letter && strchr("_+-/", *p) == NULL)
            return false;
    }
    return true;
}

/* Reads the whole file: bytes to be freed, or NULL with errno. */
static char *read_zone_file(const char *name, size_t *length)
{
    char path[LONGEST_PATH];
    char *bytes = NULL;
    struct stat status;
    int failure = 0;
    *length = 0;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", data_folder(), name) >= sizeof path) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    if (fstat(file, &status) != 0) {
        failure = errno;
    } else if (!S_ISREG(status.st_mode) || status.st_size > LARGEST_FILE) {
        failure = ENOENT;
    } else if ((bytes = malloc((size_t)status.st_size + 1)) == NULL) {
        failure = ENOMEM;
    }
    while (failure == 0 && *length < (size_t)status.st_size) {
        ssize_t got = read(file, bytes + *length, (size_t)status.st_size - *length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            failure = errno;
        if (got <= 0)
            break;
        *length += (size_t)got;
    }
    close(file);
    if (failure != 0) {
        free(bytes);
        errno = failure;
        return NULL;
    }
    return bytes;
}

/* The nearest name so far, while the folder is walked through. */
struct search {
    const char *wanted;
    char best[LONGEST_PATH];
    size_t distance;
};

static void consider(struct search *search, const char *name)
{
    size_t distance = tagua_nearest_distance(search->wanted, name);
    const char *city = strrchr(name, '/');
    if (city != NULL && tagua_nearest_distance(search->wanted, city + 1) == 0)
        distance = 1; /* "Taipei" for Asia/Taipei */
    if (distance < search->distance) {
        search->distance = distance;
        snprintf(search->best, sizeof search->best, "%s", name);
    }
}

static void walk(struct search *search, const char *below, int depth)
{
    char path[LONGEST_PATH];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", data_folder(), below) >= sizeof path)
        return;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char name[LONGEST_PATH];
        struct stat status;
        const char *slash = *below == '\0' ? "" : "/";
        /* Zones begin with a capital and have no dot: not posix/, right/, tzdata.zi, zone.tab. */
        if (entry->d_name[0] < 'A' || entry->d_name[0] > 'Z' || !is_zone_name(entry->d_name))
            continue;
        if ((size_t)snprintf(name, sizeof name, "%s%s%s", below, slash, entry->d_name) >=
                sizeof name ||
            fstatat(dirfd(folder), entry->d_name, &status, 0) != 0)
            continue;
        if (S_ISREG(status.st_mode))
            consider(search, name);
        else if (S_ISDIR(status.st_mode) && depth < DEEPEST)
            walk(search, name, depth + 1);
    }
    closedir(folder);
}

struct tagua_zone *tagua_zone_open(const char *name, struct tagua_error *error)
{
    size_t length = 0;
    char *bytes = NULL;
    struct tagua_zone *zone = NULL;
    if (is_zone_name(name)) {
        bytes = read_zone_file(name, &length);
        if (bytes != NULL && length >= 4 && memcmp(bytes, "TZif", 4) == 0) {
            zone = tagua_zone_new(name, bytes, length, error);
            goto out;
        }
        if (bytes == NULL && errno != ENOENT && errno != ENOTDIR) {
            tagua_error_set(error, "ECONFIG", "cannot read the data of the time zone '%s': %s",
                            name, strerror(errno));
            goto out;
        }
    }
    if (access(data_folder(), R_OK | X_OK) != 0) {
        tagua_error_set(error, "ECONFIG",
                        "cannot find the time zone '%s': this system has no zone data in '%s'; "
                        "install the package tzdata",
                        name, data_folder());
        goto out;
    }
    struct search search = {.wanted = name, .distance = strlen(name) / 3 + 2};
    walk(&search, "", 0);
    if (search.best[0] != '\0')
        tagua_error_set(error, "ECONFIG", "unknown time zone '%s'; did you mean '%s'?", name,
                        search.best);
    else
        tagua_error_set(error, "ECONFIG",
                        "unknown time zone '%s'; it needs a name such as 'Asia/Taipei'", name);
out:
    free(bytes);
    return zone;
}
