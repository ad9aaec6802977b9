/* A window's document: what can be read must be written again, the same from then on. */
#include <stdlib.h>
#include <string.h>

#include <mst/controller/window.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mst_buf
encode(const mst_window *window)
{
  mst_buf bytes;

  mst_buf_init(&bytes, MST_WINDOW_MAX_BYTES);
  if (mst_window_encode(window, &bytes, NULL) != MST_OK)
    abort();
  return bytes;
}

static void
read_all(const mst_window *window)
{
  volatile double sum = 0; /* so that every cell is read */

  for (uint32_t i = 0; i < mst_window_row_count(window); i++) {
    const mst_window_row *row = mst_window_row_at(window, i);
    if (mst_window_row_find(window, row->series) != row)
      abort();
    for (uint32_t j = 0; j < row->cell_count; j++) {
      const mst_window_cell *cell = &row->cells[j];
      if (!mst_window_column_at(window, cell->column) || (j > 0 && cell->column <= row->cells[j - 1].column))
        abort();
      sum += cell->number;
      for (size_t k = 0; k < cell->text.size_bytes; k++)
        sum += cell->text.data[k];
    }
  }
  (void)sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  mst_window *window, *again;
  mst_errctx ctx = {0};

  if (mst_window_decode((mst_bytes){data, size}, &window, &ctx) != MST_OK) {
    if (ctx.text[0] == '\0')
      abort();
    return 0;
  }
  read_all(window);
  mst_buf once = encode(window);
  if (mst_window_decode((mst_bytes){once.data, once.size_bytes}, &again, NULL) != MST_OK)
    abort();
  mst_buf twice = encode(again);
  if (once.size_bytes != twice.size_bytes || memcmp(once.data, twice.data, once.size_bytes) != 0)
    abort();
  mst_buf_done(&once);
  mst_buf_done(&twice);
  mst_window_destroy(window);
  mst_window_destroy(again);
  return 0;
}
