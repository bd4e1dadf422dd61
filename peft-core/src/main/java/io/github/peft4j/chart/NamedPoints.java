package io.github.peft4j.chart;

import io.github.peft4j.chart.Canvas.Anchor;
import java.awt.geom.Line2D;
import java.awt.geom.Rectangle2D;
import java.util.ArrayList;
import java.util.List;

/** Draws points and places their names so that they do not cover each other, if there is room. */
final class NamedPoints {

  private static final double RADIUS = 4.5;
  private static final double TEXT = 12;
  private static final double HEIGHT = 14;
  private static final double[] DISTANCES = {9, 22, 38};

  /** Directions from a point to its name, the best first. */
  private static final int[][] DIRECTIONS = {
    {1, 0}, {-1, 0}, {0, -1}, {0, 1}, {1, -1}, {1, 1}, {-1, -1}, {-1, 1}
  };

  private final Canvas canvas;
  private final Scale x;
  private final Scale y;
  private final List<Chart.Mark> marks;
  private final Rectangle2D frame;
  private final List<Rectangle2D> taken = new ArrayList<>();

  NamedPoints(Canvas canvas, Scale x, Scale y, List<Chart.Mark> marks) {
    this.canvas = canvas;
    this.x = x;
    this.y = y;
    this.marks =
        marks.stream().filter(m -> x.axis().shows(m.x()) && y.axis().shows(m.y())).toList();
    this.frame =
        new Rectangle2D.Double(x.start(), y.end(), x.end() - x.start(), y.start() - y.end());
  }

  /** A place for a name: its box and the end of the line that leads to it. */
  private record Place(Rectangle2D box, double toX, double toY, boolean near) {}

  void paint() {
    for (Chart.Mark mark : marks) {
      double size = 2 * RADIUS + 2;
      taken.add(
          new Rectangle2D.Double(x.at(mark.x()) - size / 2, y.at(mark.y()) - size / 2, size, size));
    }
    List<Place> places = marks.stream().map(this::place).toList();
    for (int i = 0; i < marks.size(); i++) {
      Chart.Mark mark = marks.get(i);
      Place place = places.get(i);
      double atX = x.at(mark.x());
      double atY = y.at(mark.y());
      if (!place.near()) {
        canvas.line(atX, atY, place.toX(), place.toY(), Tone.MUTED, 0.8);
      }
      String hint =
          "%s: %s, %s"
              .formatted(
                  mark.name(),
                  Numbers.grouped(Math.round(mark.x())),
                  Numbers.significant(mark.y()));
      canvas.dot(atX, atY, RADIUS, mark.tone(), hint);
      double middle = place.box().getCenterX();
      double base = place.box().getMaxY() - 3;
      canvas.text(middle, base, mark.name(), Anchor.MIDDLE, Tone.TEXT, TEXT, false);
    }
  }

  private Place place(Chart.Mark mark) {
    Place best = place(mark, DIRECTIONS[0], DISTANCES[0]);
    double least = covered(best.box());
    for (double distance : DISTANCES) {
      for (int[] direction : DIRECTIONS) {
        Place place = place(mark, direction, distance);
        double covered = covered(place.box()) + crossed(mark, place);
        if (covered < least) {
          best = place;
          least = covered;
        }
      }
    }
    taken.add(best.box());
    return best;
  }

  private Place place(Chart.Mark mark, int[] direction, double distance) {
    double width = Canvas.width(mark.name(), TEXT);
    double toX = x.at(mark.x()) + direction[0] * distance;
    double toY = y.at(mark.y()) + direction[1] * distance;
    Rectangle2D box =
        new Rectangle2D.Double(
            toX + (direction[0] - 1) * width / 2,
            toY + (direction[1] - 1) * HEIGHT / 2,
            width,
            HEIGHT);
    return new Place(box, toX, toY, distance == DISTANCES[0]);
  }

  /** A large area for each name or point that the line to a name crosses. */
  private double crossed(Chart.Mark mark, Place place) {
    if (place.near()) {
      return 0;
    }
    double atX = x.at(mark.x());
    double atY = y.at(mark.y());
    Line2D line = new Line2D.Double(atX, atY, place.toX(), place.toY());
    return 200
        * taken.stream().filter(box -> !box.contains(atX, atY) && line.intersects(box)).count();
  }

  /** The area of a box that is already taken or outside the frame. */
  private double covered(Rectangle2D box) {
    double area = box.getWidth() * box.getHeight() - area(box, frame);
    return area + taken.stream().mapToDouble(other -> area(box, other)).sum();
  }

  private static double area(Rectangle2D a, Rectangle2D b) {
    Rectangle2D common = a.createIntersection(b);
    return common.isEmpty() ? 0 : common.getWidth() * common.getHeight();
  }
}
