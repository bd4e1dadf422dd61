package io.github.peft4j.gguf;

/** How the numbers of a tensor in a GGUF file differ from those of Hugging Face's. */
enum Transform {
  /** Not at all. */
  NONE,

  /**
   * The rows of each head of queries or keys are in another order, W (H·d, in). Hugging Face
   * rotates dimension i of a head with dimension i + d/2. llama.cpp rotates neighbours, so that a
   * file has rows i and i + d/2 beside each other.
   */
  HEAD_ROWS,

  /** The file has w + 1, as norms multiply with it. */
  ONE_PLUS,

  /** The file has (out, in), and Hugging Face has (in, out). */
  TRANSPOSED;

  /**
   * Turns a file's numbers into Hugging Face's.
   *
   * @param shape of the tensor in the file, outermost dimension first
   * @param head d, the size of a head
   */
  float[] read(float[] stored, long[] shape, int head) {
    return switch (this) {
      case NONE -> stored;
      case HEAD_ROWS -> rows(stored, shape, head, true);
      case ONE_PLUS -> plus(stored, -1);
      case TRANSPOSED -> transposed(stored, shape);
    };
  }

  /**
   * Turns Hugging Face's numbers into a file's.
   *
   * @param shape of the tensor at Hugging Face
   * @param head d, the size of a head
   */
  float[] write(float[] numbers, long[] shape, int head) {
    return switch (this) {
      case NONE -> numbers;
      case HEAD_ROWS -> rows(numbers, shape, head, false);
      case ONE_PLUS -> plus(numbers, 1);
      case TRANSPOSED -> transposed(numbers, shape);
    };
  }

  /**
   * How the tensor of a module that has this transform differs.
   *
   * @param tensor {@code .weight} or {@code .bias}
   */
  Transform of(String tensor) {
    return tensor.equals(".weight") || this == HEAD_ROWS ? this : NONE;
  }

  /** The shape on the other side; what is no matrix stays as it is, and does not fit the model. */
  long[] shape(long... shape) {
    return this == TRANSPOSED && shape.length == 2 ? new long[] {shape[1], shape[0]} : shape;
  }

  /** The place in a file of a row of Hugging Face's, for heads of d rows. */
  static int storedRow(int row, int head) {
    int within = row % head;
    int half = head / 2;
    return row - within + 2 * (within % half) + within / half;
  }

  private static float[] rows(float[] from, long[] shape, int head, boolean reading) {
    int rows = (int) shape[0];
    int width = from.length / rows;
    float[] to = new float[from.length];
    for (int row = 0; row < rows; row++) {
      int stored = storedRow(row, head);
      System.arraycopy(
          from, (reading ? stored : row) * width, to, (reading ? row : stored) * width, width);
    }
    return to;
  }

  private static float[] plus(float[] from, float number) {
    float[] to = new float[from.length];
    for (int i = 0; i < to.length; i++) {
      to[i] = from[i] + number;
    }
    return to;
  }

  private static float[] transposed(float[] from, long... shape) {
    int rows = (int) shape[0];
    int columns = (int) shape[1];
    float[] to = new float[from.length];
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        to[column * rows + row] = from[row * columns + column];
      }
    }
    return to;
  }
}
