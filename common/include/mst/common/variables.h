#ifndef MST_COMMON_VARIABLES_H
#define MST_COMMON_VARIABLES_H

#include <mst/common/diag.h>
#include <mst/common/digest.h>
#include <mst/common/yaml.h>

/* YAML files with variables: ${name} stands for a value of the file's own map `variables:`, which an overlay, a second file, may set to
 * others. Values are put in before the file is read as YAML, so that they may stand in any scalar; they cannot hold what would change its
 * structure. Errors are said with the place in the file as it stands. */
enum {
  MST_VARIABLES_MAX = 500,      /* names in one file */
  MST_VARIABLE_MAX_BYTES = 256, /* of a name and of a value */
};

/* Looks at the expanded file and complains; false when something is wrong. yaml becomes its own, and must live until mst_variables_read has
 * returned. */
typedef bool (*mst_variables_use)(void *arg, mst_yaml *yaml, mst_diags *diags);

typedef struct mst_variables_source {
  const char *what; /* "checklist": for messages */
  const char *keys; /* "checklist, items and policy": those that its map needs, for messages */
  const char *name; /* of the file, for messages */
  const char *text;
  size_t size_bytes;
  const char *overlay_name;
  const char *overlay; /* NULL: none */
  size_t overlay_bytes;
} mst_variables_source;

/* Parses the file, puts the variables in and hands the outcome to use, unless there is none to look at. File and overlay are looked at each
 * as far as it goes, whatever the other is like. False with diags filled when anything was wrong. Any thread. */
bool mst_variables_read(const mst_variables_source *source, mst_variables_use use, void *arg, mst_diags *diags);

/* Reads the two files (overlay NULL: none) and hands them to parse; an overlay is looked at by itself when the file cannot be read. False
 * when one of them could not be read, or parse says so. */
typedef bool (*mst_variables_parse)(void *arg, const mst_variables_source *source, mst_diags *diags);
bool mst_variables_load(const char *what, const char *keys, const char *path, const char *overlay, mst_variables_parse parse, void *arg,
                        mst_diags *diags);

/* Of the bytes of both, under that domain. False: out of memory. */
bool mst_variables_digest(const mst_variables_source *source, const char *domain, mst_digest *ret_digest);

#endif
