-- SPDX-License-Identifier: Apache-2.0
-- What haproxy.cfg loads.
require("cdfworkflow.gateway.haproxy").start()
