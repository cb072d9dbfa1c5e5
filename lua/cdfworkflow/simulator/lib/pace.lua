-- SPDX-License-Identifier: Apache-2.0
-- How long a task takes, in seconds, where nobody says: time passes in every task, so that a run can be watched and
-- cancelled meanwhile.

return {
  --- A Lua function that gives no time, or raises.
  handler = 0.1,
  --- A request to CDF's API, and what comes to nothing: a function, a transformation, … that is not there.
  other = 1,
}
