"""The same short page in the style of the usual generators of documentation, every word of their chrome "CHROME".

[TEXT], [CODE] and [COLOURED] stand for a paragraph, for code and for the same code as highlighters cut it.
"""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Mapping

TEXT = "The pump moves water uphill; it needs power and a <em>filter</em> first."
CODE = 'pump --start\n  echo "a < b"\n'
MARKDOWN = f"""# The pump

The pump moves water uphill; it needs power and a *filter* first.

## Install

```sh
{CODE}```
"""
_CODE = "pump --start\n  echo &quot;a &lt; b&quot;\n"
_COLOURED = (
    '<span></span><span class="nb">pump</span><span class="w"> </span>--start\n'
    '  <span class="nb">echo</span><span class="w"> </span><span class="s2">&quot;a &lt; b&quot;</span>\n'
)

_SKELETONS: Mapping[str, str] = {
    "sphinx-furo": """
<div class="announcement">CHROME</div><a class="skip-to-content" href="#main">CHROME</a><div class="page">
<aside class="sidebar-drawer">CHROME</aside><div class="main"><div class="content"><div class="article-container">
<a href="#" class="back-to-top">CHROME</a><div class="content-icon-container"><a class="muted-link">CHROME</a></div>
<article role="main" id="furo-main-content"><section id="the-pump">
<h1>The pump<a class="headerlink" href="#the-pump" title="Link to this heading">¶</a></h1><p>[TEXT]</p>
<nav class="contents local" id="contents"><p class="topic-title">CHROME</p></nav>
<section id="install"><span id="old-name"></span><h2>Install<a class="headerlink" href="#install">¶</a></h2>
<div class="highlight-sh notranslate"><div class="highlight"><pre>[COLOURED]</pre>
<button class="copybtn o-tooltip--left">CHROME</button></div></div></section></section></article></div>
<footer><div class="related-pages"><a class="next-page">CHROME</a></div><div class="bottom-of-page">CHROME</div></footer>
</div><aside class="toc-drawer">CHROME</aside></div></div>""",
    "sphinx-read-the-docs": """
<div class="wy-grid-for-nav"><nav class="wy-nav-side">CHROME</nav><section class="wy-nav-content-wrap">
<div class="wy-nav-content"><div class="rst-content"><div role="navigation" aria-label="Page navigation">
<ul class="wy-breadcrumbs"><li>CHROME</li><li class="wy-breadcrumbs-aside"><a>CHROME</a></li></ul></div>
<div role="main" class="document"><div itemprop="articleBody"><section id="the-pump">
<h1>The pump<a class="headerlink" href="#the-pump">\uf0c1</a></h1><p>[TEXT]</p><section id="install">
<h2>Install<a class="headerlink" href="#install">\uf0c1</a></h2><div class="highlight-sh notranslate">
<table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre><span>1</span>
<span>2</span></pre></div></td><td class="code"><div class="highlight"><pre>[COLOURED]</pre></div></td></tr></table>
</div></section></section></div></div><footer><div class="rst-footer-buttons"><a>CHROME</a></div><p>CHROME</p></footer>
</div></div></section></div><div class="rst-versions">CHROME</div>""",
    "sphinx-pydata": """
<div class="bd-header-announcement">CHROME</div><div class="bd-container"><div class="bd-sidebar-primary">CHROME</div>
<main id="main-content" class="bd-main" role="main"><div class="bd-content"><div class="bd-article-container">
<div class="bd-header-article"><ul class="bd-breadcrumbs"><li>CHROME</li></ul></div><article class="bd-article">
<section id="the-pump"><h1>The pump<a class="headerlink" href="#the-pump">#</a></h1><p>[TEXT]</p>
<section id="install"><h2>Install<a class="headerlink" href="#install">#</a></h2>
<div class="highlight-sh notranslate"><div class="highlight"><pre>[COLOURED]</pre></div></div></section></section>
</article><footer class="prev-next-footer"><p class="prev-next-subtitle">CHROME</p></footer></div>
<div class="bd-sidebar-secondary">CHROME</div></div></main></div>""",
    "sphinx-alabaster": """
<div class="related" role="navigation"><ul><li>CHROME</li></ul></div><div class="document">
<div class="documentwrapper"><div class="bodywrapper"><div class="body" role="main"><div class="section" id="the-pump">
<h1>The pump<a class="headerlink" href="#the-pump">¶</a></h1><p>[TEXT]</p><div class="section" id="install">
<span id="index-0"></span><h2>Install<a class="headerlink" href="#install">¶</a></h2>
<div class="highlight-sh"><div class="highlight"><pre>[CODE]</pre></div></div></div></div></div></div></div>
<div class="sphinxsidebar" role="navigation"><h3>CHROME</h3></div></div><div class="footer">CHROME</div>""",
    "mkdocs-material": """
<div data-md-component="announce"><aside class="md-banner">CHROME</aside></div><header class="md-header">CHROME</header>
<main class="md-main"><div class="md-sidebar md-sidebar--primary"><nav>CHROME</nav></div><div class="md-content">
<nav class="md-path"><ol><li>CHROME</li></ol></nav><article class="md-content__inner md-typeset">
<a href="https://example.org/edit" class="md-content__button md-icon">CHROME</a>
<h1 id="the-pump">The pump<a class="headerlink" href="#the-pump">¶</a></h1><p>[TEXT]</p>
<h2 id="install">Install<a class="headerlink" href="#install">¶</a></h2>
<div class="language-sh highlight"><table class="highlighttable"><tr><td class="linenos"><div class="linenodiv"><pre>
<span></span><span class="normal">1</span></pre></div></td><td class="code"><div><pre><span></span><code>[COLOURED]</code></pre>
</div></td></tr></table></div><aside class="md-source-file"><span>CHROME 2026</span></aside>
<form class="md-feedback"><p>CHROME</p></form></article></div></main><footer class="md-footer">CHROME</footer>""",
    "mkdocs": """
<div class="navbar fixed-top"><ul class="nav navbar-nav"><li>CHROME</li></ul></div><div class="container">
<div class="row"><div class="col-md-3"><nav class="navbar" id="toc-collapse">CHROME</nav></div>
<div class="col-md-9" role="main"><h1 id="the-pump">The pump</h1><p>[TEXT]</p><h2 id="install">Install</h2>
<pre><code class="language-sh">[CODE]</code></pre></div></div></div><footer>CHROME</footer>""",
    "docusaurus": """
<div id="__docusaurus"><nav class="navbar">CHROME</nav><aside class="theme-doc-sidebar-container">CHROME</aside><main>
<div class="theme-doc-version-banner alert">CHROME</div><div class="docItemContainer_x"><article>
<nav class="theme-doc-breadcrumbs">CHROME</nav><span class="theme-doc-version-badge">CHROME</span>
<div class="theme-doc-markdown markdown"><header><h1>The pump</h1></header><p>[TEXT]</p>
<h2 class="anchor" id="install">Install<a class="hash-link" href="#install" title="Direct link">\u200b</a></h2>
<div class="language-sh codeBlockContainer_x"><div class="codeBlockContent_x"><pre class="prism-code language-sh"><code
><span class="token-line" style="color:#1"><span class="token plain">pump --start</span><br></span><span
class="token-line" style="color:#1"><span class="token">  echo "a &lt; b"</span><br></span></code></pre>
<div class="buttonGroup_x"><button type="button">CHROME</button></div></div></div></div><footer class="theme-doc-footer">
<a class="theme-edit-this-page">CHROME</a><span class="theme-last-updated">CHROME</span></footer></article>
<nav class="pagination-nav">CHROME</nav></div><div class="theme-doc-toc-desktop">CHROME</div></main>
<footer class="footer">CHROME</footer></div>""",
    "hugo-docsy": """
<header><nav>CHROME</nav></header><div class="container-fluid td-outer"><div class="row"><aside class="td-sidebar">CHROME
</aside><aside class="td-sidebar-toc"><div class="td-page-meta">CHROME</div><nav id="TableOfContents">CHROME</nav></aside>
<main role="main"><nav aria-label="breadcrumb" class="td-breadcrumbs">CHROME</nav><div class="td-content">
<h1>The pump</h1><p>[TEXT]</p><h2 id="install">Install<a class="td-heading-self-link" href="#install"></a></h2>
<div class="highlight"><pre class="chroma"><code class="language-sh" data-lang="sh"><span class="line"><span class="cl"
>pump --start
</span></span><span class="line"><span class="cl">  <span class="nb">echo</span> &#34;a &lt; b&#34;
</span></span></code></pre></div><div class="d-print-none"><h2 class="feedback--title">CHROME</h2>
<p class="feedback--question">CHROME</p><button class="feedback--answer">CHROME</button></div>
<div class="td-page-meta__lastmod">CHROME 2026</div></div></main></div></div><footer>CHROME</footer>""",
    "hugo-book": """
<main class="container flex"><aside class="book-menu"><nav>CHROME</nav></aside><div class="book-page">
<header class="book-header"><strong>CHROME</strong></header><article class="markdown book-article">
<h1 id="the-pump">The pump<a class="anchor" href="#the-pump">#</a></h1><p>[TEXT]</p>
<h2 id="install">Install<a class="anchor" href="#install">#</a></h2><div class="highlight"><div class="chroma">
<table class="lntable"><tr><td class="lntd"><pre class="chroma"><code><span class="lnt">1
</span><span class="lnt">2
</span></code></pre></td><td class="lntd"><pre class="chroma"><code class="language-sh" data-lang="sh">[CODE]</code></pre>
</td></tr></table></div></div></article><footer class="book-footer">CHROME</footer></div>
<aside class="book-toc">CHROME</aside></main>""",
    "gitbook": """
<div class="book"><div class="book-summary"><nav role="navigation">CHROME</nav></div><div class="book-body">
<div class="body-inner"><div class="book-header" role="navigation"><h1><a href=".">CHROME</a></h1></div>
<div class="page-wrapper" role="main"><div class="page-inner"><section class="normal markdown-section">
<h1 id="the-pump">The pump</h1><p>[TEXT]</p><h2 id="install">Install</h2>
<pre><code class="lang-sh">[CODE]</code></pre></section></div></div></div>
<a class="navigation navigation-next">CHROME</a></div></div>""",
    "vitepress": """
<div class="Layout"><a class="VPSkipLink">CHROME</a><header class="VPNav">CHROME</header><aside class="VPSidebar">CHROME
</aside><div class="VPContent"><div class="VPDoc has-aside"><div class="container"><div class="aside">
<nav class="VPDocAsideOutline">CHROME</nav></div><div class="content"><main class="main"><div class="vp-doc _x"><div>
<h1 id="the-pump">The pump <a class="header-anchor" href="#the-pump">\u200b</a></h1><p>[TEXT]</p>
<h2 id="install">Install <a class="header-anchor" href="#install">\u200b</a></h2><div class="language-sh vp-adaptive">
<button title="Copy Code" class="copy">CHROME</button><span class="lang">CHROME</span><pre class="shiki"><code
><span class="line"><span>pump</span><span> --start</span></span>
<span class="line"><span>  echo</span><span> "a &lt; b"</span></span></code></pre></div></div></div></main>
<footer class="VPDocFooter"><a class="edit-link-button">CHROME</a></footer></div></div></div></div></div>""",
    "vuepress": """
<div class="theme-container"><header class="navbar">CHROME</header><aside class="sidebar">CHROME</aside><main class="page">
<div class="theme-default-content"><h1 id="the-pump"><a href="#the-pump" class="header-anchor">#</a> The pump</h1>
<p>[TEXT]</p><h2 id="install"><a href="#install" class="header-anchor">#</a> Install</h2>
<div class="language-sh extra-class line-numbers-mode"><pre class="language-sh"><code>[CODE]</code></pre>
<div class="line-numbers-wrapper"><span class="line-number">1</span><br></div></div></div>
<footer class="page-meta"><div class="edit-link">CHROME</div><div class="last-updated">CHROME</div></footer>
<div class="page-nav">CHROME</div></main></div>""",
    "mdbook": """
<div id="body-container"><nav id="sidebar" class="sidebar">CHROME</nav><div id="page-wrapper"><div class="page">
<div id="menu-bar"><button>CHROME</button><h1 class="menu-title">CHROME</h1></div><div id="content" class="content"><main>
<h1 id="the-pump"><a class="header" href="#the-pump">The pump</a></h1><p>[TEXT]</p>
<h2 id="install"><a class="header" href="#install">Install</a></h2><pre><div class="buttons"><button
class="clip-button">CHROME</button></div><code class="language-sh hljs">[CODE]</code></pre></main>
<nav class="nav-wrapper"><a class="mobile-nav-chapters next">CHROME</a></nav></div></div></div></div>""",
    "asciidoctor": """
<div id="header"><h1>The pump</h1><div id="toc" class="toc"><div id="toctitle">Contents</div><ul class="sectlevel1">
<li><a href="#install">Install</a></li><li><a href="#_never">Never</a></li></ul></div></div><div id="content">
<div id="preamble"><div class="sectionbody"><div class="paragraph"><p>[TEXT]</p></div></div></div><div class="sect1">
<h2 id="install"><a class="anchor" href="#install"></a>Install</h2><div class="sectionbody"><div class="listingblock">
<div class="content"><pre class="rouge highlight"><code data-lang="sh">[CODE]</code></pre></div></div></div></div></div>
<div id="footer"><div id="footer-text">CHROME<br>Last updated 2026-01-03 10:00:00 UTC</div></div>""",
    "docbook": """
<div class="navheader"><table summary="Navigation header"><tr><td>CHROME</td></tr></table><hr></div><div class="chapter">
<div class="titlepage"><div><div><h1 class="title"><a id="the-pump"></a>The pump</h1></div></div></div><p>[TEXT]</p>
<div class="toc"><dl class="toc"><dt><a href="#install">Install</a></dt><dt><a href="#other">Other</a></dt></dl></div>
<div class="section"><div class="titlepage"><div><div><h2 class="title" style="clear: both"><a name="install"></a>Install
</h2></div></div></div><pre class="programlisting brush:sh">[CODE]</pre></div></div>
<div class="navfooter"><table><tr><td>CHROME</td></tr></table></div>""",
    "jekyll": """
<div class="side-bar"><nav class="site-nav">CHROME</nav><footer>CHROME</footer></div><div class="main">
<div class="main-header"><nav aria-label="Auxiliary">CHROME</nav></div><div class="main-content-wrap">
<nav aria-label="Breadcrumb" class="breadcrumb-nav">CHROME</nav><div id="main-content" class="main-content"><main>
<h1 id="the-pump"><a href="#the-pump" class="anchor-heading" aria-labelledby="the-pump"></a> The pump </h1><p>[TEXT]</p>
<h2 id="install"><a href="#install" class="anchor-heading" aria-labelledby="install"></a> Install </h2>
<div class="language-sh highlighter-rouge"><div class="highlight"><pre class="highlight"><code><table
class="rouge-table"><tbody><tr><td class="rouge-gutter gl"><pre class="lineno">1
2
</pre></td><td class="rouge-code"><pre>[COLOURED]</pre></td></tr></tbody></table></code></pre></div></div></main>
<footer><a href="https://example.org/edit">CHROME</a><p>Page last modified: Jan 3 2026.</p></footer></div></div></div>""",
}

PAGES: Mapping[str, str] = {
    name: "<!doctype html><html lang=en><head><title>The pump — Handbook 1.2.3</title></head><body>"
    + skeleton.replace("[TEXT]", TEXT).replace("[CODE]", _CODE).replace("[COLOURED]", _COLOURED)
    + "</body></html>"
    for name, skeleton in _SKELETONS.items()
}
