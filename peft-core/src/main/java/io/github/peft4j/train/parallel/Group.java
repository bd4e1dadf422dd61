package io.github.peft4j.train.parallel;

import java.util.List;

/**
 * The members of a training that share each step: processes, each with its own copy of the model
 * and of the data. All members call the same methods in the same order; a call returns when every
 * member has made it.
 *
 * <p>A method throws an unchecked exception if another member is lost. The run then fails.
 */
public interface Group {

  /** A training of one process. */
  Group ALONE =
      new Group() {
        @Override
        public int rank() {
          return 0;
        }

        @Override
        public int size() {
          return 1;
        }

        @Override
        public void sum(float[] values) {}

        @Override
        public List<byte[]> gather(byte[] message) {
          return List.of(message);
        }
      };

  /** The number of this member, from 0. */
  int rank();

  /** The number of members, 1 or more. */
  int size();

  /**
   * Replaces values by their sums over the members. The sums have the same bits on every member.
   *
   * @param values of the same number on every member
   */
  void sum(float[] values);

  /**
   * Gives each member the messages of all.
   *
   * @param message a few kilobytes at most
   * @return the messages in the order of the ranks
   */
  List<byte[]> gather(byte[] message);
}
