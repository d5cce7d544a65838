#pragma once

namespace simscale::python {

/// Call before OpenGL is used. Throws Error in a forked process whose parent has drawn with it: the
/// driver's threads are missing in the child, where drawing would wait for them forever.
void ClaimOpenGl();

}  // namespace simscale::python
