-- SPDX-License-Identifier: Apache-2.0
-- How long things take, in seconds: tasks, where nobody says (time passes in every one, so that a run can be watched
-- and cancelled meanwhile), and a move of the clock.

return {
  --- A Lua function that gives no time, or raises.
  handler = 0.1,
  --- A request to CDF's API, and what comes to nothing: a function, a transformation, … that is not there.
  other = 1,
  --- The furthest that the clock is moved at once: a hundred years.
  furthest = 3155760000,
}
