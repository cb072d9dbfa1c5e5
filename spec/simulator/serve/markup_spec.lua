-- SPDX-License-Identifier: Apache-2.0
-- Templates escape by themselves; texts are cut between characters.

local markup = require "cdfworkflow.simulator.serve.markup"

describe("a template", function()
  it("escapes what is put in", function()
    assert.equal([[<a href="&quot;&#39;">&lt;b&gt; &amp;amp; 7</a>]],
      markup.fill('<a href="{href}">{text} {n}</a>', { href = "\"'", text = "<b> &amp;", n = 7 }))
  end)

  it("leaves alone what is said to be HTML, and what looks like a template in a value", function()
    assert.equal("<b>{x}</b> {!y} %1", markup.fill("{!html} {text}", { html = "<b>{x}</b>", text = "{!y} %1" }))
  end)

  it("must have all its values", function()
    assert.has_error(function() markup.fill("{missing}", {}) end, "the template has no value for missing")
  end)
end)

describe("a path", function()
  it("is made of segments", function()
    assert.equal("/ui/a%2Fb%20c%25%3F%23%C3%A9.-_~/x", markup.path("ui", "a/b c%?#é.-_~", "x"))
  end)

  it("has a query where there is something to ask", function()
    assert.equal("/x", markup.with_query("/x", { { "a", nil }, { "b", "" } }))
    assert.equal("/x?b=%26%20%3D&a=7", markup.with_query("/x", { { "b", "& =" }, { "a", 7 } }))
  end)
end)

describe("a text", function()
  it("is cut between characters, with an ellipsis as the last", function()
    assert.equal("æøå", markup.cut("æøå", 3))
    assert.equal("æø…", markup.cut("æøåx", 3))
    assert.equal("…", markup.cut("abc", 1))
    assert.equal("", markup.cut("", 5))
    assert.equal("🙂…", markup.cut("🙂🙂🙂", 2))
  end)
end)
