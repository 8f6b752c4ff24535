// What object detection needs besides convolutions, for float and double: regions of images brought
// to one size (the largest element of each bin, or the mean of bilinear samples), suppression of
// overlapping boxes, and greedy matching. Everything is dense, no Python, callable without the GIL;
// results do not depend on the number of threads.
// - A region is five numbers: the image's number, x1, y1, x2, y2. One without an image (negative
//   number) gives zeros. The caller checks that the others exist.
// - Boxes are corners: x1, y1, x2, y2.
#pragma once
#include <cstdint>

#include "core/dtype.h"

namespace mp::cpu {

struct Regions {
  int64_t count, batch, channels, height, width;  // channels of the data
  int64_t bins[2];                                // rows and columns of the result
  double scale;                                   // from the regions' coordinates to the data's
  // Of means:
  int64_t samples;          // along each axis of a bin; at most 0: one for each element of the data
  bool position_sensitive;  // each bin reads a channel of its own
  bool aligned;             // element 0 covers -0.5 to 0.5
  int64_t out_channels() const {
    return position_sensitive ? channels / (bins[0] * bins[1]) : channels;
  }
};

// y (count, channels, bins); places are elements of the image, -1 for an empty bin, or null.
void roi_pooling(DType dtype, const Regions& r, const void* x, const void* rois, void* y,
                 int32_t* places);
// dx = the sum of dy at the places, and the reverse: y = x at the places.
void roi_spread(DType dtype, const Regions& r, const void* dy, const int32_t* places,
                const void* rois, void* dx);
void roi_pick(DType dtype, const Regions& r, const void* x, const int32_t* places, const void* rois,
              void* y);
void roi_align(DType dtype, const Regions& r, const void* x, const void* rois, void* y);
void roi_align_spread(DType dtype, const Regions& r, const void* dy, const void* rois, void* dx);

struct Suppression {
  int64_t batch, count;
  int64_t limit;     // only so many boxes of highest score take part; the others are dropped
  double threshold;  // a box is dropped when its overlap with a better one is above it
};
// Boxes (batch, count, 4), scores (batch, count) with -inf for those that do not take part, classes
// (batch, count) or null. order gets the boxes by falling score, then -1; keep (of the same order)
// whether each is kept.
void box_suppression(DType dtype, const Suppression& s, const void* boxes, const void* scores,
                     const void* classes, int32_t* order, uint8_t* keep);

// Scores (batch, rows, columns): pairs by falling (or rising) score while it is above (below) the
// threshold and both are free; at most `limit`, if that is not negative. The partner or -1.
struct Matching {
  int64_t batch, rows, columns, limit;
  bool rising;
  double threshold;
};
void bipartite_matching(DType dtype, const Matching& m, const void* scores, void* row_partner,
                        void* column_partner);

}  // namespace mp::cpu
