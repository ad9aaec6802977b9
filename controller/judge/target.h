#ifndef MST_JUDGE_TARGET_H
#define MST_JUDGE_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include <mst/common/diag.h>
#include <mst/common/yaml.h>

/* What a value must be ("< 70%", "50%..80%", "is healthy", "version >= 24.0") and what it must not be. */

/* A set of numbers: everything between lo and hi, or (outside) everything but that. */
typedef struct mst_set {
  double lo, hi;         /* -INFINITY, INFINITY: no bound */
  bool lo_open, hi_open; /* the end itself is not in the interval */
  bool outside;
} mst_set;

bool mst_set_has(const mst_set *set, double value);
/* Whether every value in [lo, hi] is in the set; ends may be infinite. */
bool mst_set_covers(const mst_set *set, double lo, double hi);
/* Whether some value in [lo, hi] is in the set. */
bool mst_set_meets(const mst_set *set, double lo, double hi);
bool mst_set_within(const mst_set *inner, const mst_set *outer);
mst_set mst_set_complement(const mst_set *set);

typedef enum mst_target_type { MST_TARGET_NONE, MST_TARGET_NUMBER, MST_TARGET_TEXT } mst_target_type;
typedef enum mst_text_op {
  MST_TEXT_IN,
  MST_TEXT_NOT_IN,
  MST_TEXT_LIKE,
  MST_TEXT_VERSION,
  MST_TEXT_ATTESTED, /* equals the document hash of the item's attestation */
} mst_text_op;
typedef enum mst_compare { MST_LT, MST_LE, MST_GT, MST_GE, MST_EQ, MST_NE } mst_compare;

enum { MST_TARGET_MAX_WORDS = 64, MST_TARGET_MAX_BYTES = 1024 };

typedef struct mst_target {
  mst_target_type type;
  char *text; /* as written; owned */
  mst_set set;
  const char *unit; /* static, see mst_quantity_parse; "" for a bare number */
  bool relative;    /* "1%/h": a slope in shares of the level per hour */
  bool per_hour;    /* the number was given per time and stands here per hour */
  mst_text_op op;
  mst_compare compare; /* of a version */
  char **words;        /* owned */
  size_t word_count;
} mst_target;

typedef enum mst_grade { MST_GRADE_PASS, MST_GRADE_WARN, MST_GRADE_FAIL } mst_grade;

typedef struct mst_bounds {
  mst_target target, critical; /* critical may be MST_TARGET_NONE */
  mst_set good, fair;          /* numbers: good passes, fair at least warns; good is within fair */
} mst_bounds;

/* Reads both texts (critical may be NULL). slope: rates per time are what is meant ("1%/h"). False with diags filled. */
bool mst_bounds_parse(const mst_yaml_node *target, const mst_yaml_node *critical, bool slope, mst_bounds *ret_bounds, mst_diags *diags);
/* The same with the target's text apart from its node. */
bool mst_bounds_parse_text(const mst_yaml_node *node, const char *target, const mst_yaml_node *critical, mst_bounds *ret_bounds,
                           mst_diags *diags);
/* A target alone, such as the rule of a roll-up or the state of a share. */
bool mst_target_parse(const mst_yaml_node *node, const char *text, bool slope, mst_target *ret_target, mst_diags *diags);
void mst_bounds_done(mst_bounds *bounds);
void mst_target_done(mst_target *target);

mst_grade mst_bounds_grade(const mst_bounds *bounds, double value);
/* The worst and the best grade that any value in [lo, hi] has. */
mst_grade mst_bounds_worst(const mst_bounds *bounds, double lo, double hi);
mst_grade mst_bounds_best(const mst_bounds *bounds, double lo, double hi);
/* attested: document hash of the item's attestation, NULL when there is none. */
mst_grade mst_bounds_grade_text(const mst_bounds *bounds, const char *text, size_t size_bytes, const char *attested);
bool mst_target_holds_text(const mst_target *target, const char *text, size_t size_bytes, const char *attested);

/* * stands for any run of characters, ? for one. */
bool mst_glob_match(const char *pattern, const char *text, size_t size_bytes);
/* Compares dotted versions by their numbers ("24.0.7" and "v24", "3.12.1+deb12"): missing parts are 0. False when either has no number. */
bool mst_version_compare(const char *a, size_t a_bytes, const char *b, size_t b_bytes, int *ret_order);

#endif
