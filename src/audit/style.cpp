#include "style.hpp"

namespace concordat::audit {

// Print: what belongs together is not cut, tables repeat their headings, and browsers that know margin boxes number the
// pages. Narrow screens: rows of wide tables become cards, whose cells say what they are (data-l).
Markup style() {
    return R"css(
:root{color-scheme:light;--ink:#1c2127;--soft:#545d68;--rule:#cdd3da;--faint:#f6f7f9;--head:#17324d;--good:#17603a;--bad:#a1161d;--warn:#75490a;--calm:#1d4f87;
--serif:Charter,"Bitstream Charter","Iowan Old Style","Palatino Linotype",Palatino,"Liberation Serif",Georgia,"Times New Roman",serif;
--sans:"Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;
--mono:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:#fff;color:var(--ink);font:1rem/1.5 var(--serif)}
main{max-width:57rem;margin:0 auto;padding:2.25rem 1.5rem 4rem;counter-reset:part}
header.title{border-top:4px solid var(--head);border-bottom:1px solid var(--rule);padding:1rem 0 1.1rem}
.kicker{margin:0;font:600 .74rem/1.4 var(--sans);letter-spacing:.13em;text-transform:uppercase;color:var(--head)}
h1{margin:.25rem 0 .2rem;font-size:1.9rem;line-height:1.2;font-weight:600;color:var(--head);overflow-wrap:anywhere}
.lead{margin:.1rem 0;color:var(--soft);overflow-wrap:anywhere}
h2{margin:2.6rem 0 .7rem;padding-bottom:.3rem;border-bottom:1px solid var(--rule);font-size:1.28rem;line-height:1.3;font-weight:600;color:var(--head)}
h2::before{counter-increment:part;content:counter(part) "\2002";color:var(--soft);font-weight:400}
h3{margin:1.7rem 0 .45rem;font-size:1.04rem;line-height:1.35;font-weight:600;color:var(--head);overflow-wrap:anywhere}
h4{margin:1.1rem 0 .35rem;font:600 .8rem/1.4 var(--sans);color:var(--soft)}
p{margin:.5rem 0;overflow-wrap:anywhere}
ul{margin:.4rem 0;padding-left:1.25rem}li{margin:.22rem 0;overflow-wrap:anywhere}
a{color:var(--calm)}
code,.id{font-family:var(--mono);font-size:.8em;overflow-wrap:anywhere;word-break:break-word}
.soft{color:var(--soft)}.small{font-size:.86rem}.num{font-variant-numeric:tabular-nums}
.verdict{margin:1.4rem 0 1rem;padding:.85rem 1.1rem;border:1px solid;border-left-width:6px;background:#fff}
.verdict p{margin:.15rem 0}.verdict .word{font-size:1.18rem;font-weight:600}
.verdict.good{border-color:var(--good)}.verdict.good .word{color:var(--good)}
.verdict.bad{border-color:var(--bad);background:#fdf3f3}.verdict.bad .word{color:var(--bad)}
.verdict.none{border-color:var(--warn);background:#fdf9f1}.verdict.none .word{color:var(--warn)}
.notes{margin:.9rem 0;padding:.6rem 1.1rem;background:var(--faint);border-left:3px solid var(--rule)}
.notes h3{margin:.1rem 0 .3rem}
nav ol{columns:2;column-gap:2rem;margin:1rem 0;padding-left:1.4rem;font-size:.93rem}nav li{break-inside:avoid;margin:0;padding:.1rem 0}
dl{display:grid;grid-template-columns:minmax(8.5rem,13rem) 1fr;margin:.7rem 0;border-top:1px solid var(--rule)}
dt,dd{margin:0;padding:.36rem 0;border-bottom:1px solid var(--rule)}
dt{padding-right:1rem;font:600 .82rem/1.6 var(--sans);color:var(--soft)}dd{overflow-wrap:anywhere;min-width:0}
.scroll{overflow-x:auto}
table{width:100%;table-layout:fixed;margin:.7rem 0 1.1rem;border-collapse:collapse;font:.81rem/1.45 var(--sans)}
caption{padding:0 0 .4rem;text-align:left;font:600 .8rem/1.4 var(--sans);color:var(--soft)}
th,td{padding:.4rem .55rem .4rem 0;vertical-align:top;text-align:left;overflow-wrap:anywhere}
thead th{border-top:1.5px solid var(--head);border-bottom:1px solid var(--head);font-weight:600;color:var(--head);white-space:nowrap;overflow-wrap:normal}
tbody{border-bottom:1px solid var(--rule)}
table.rows tbody{border-bottom:0}table.rows tbody tr{border-bottom:1px solid var(--rule)}
td.right,th.right{text-align:right;font-variant-numeric:tabular-nums}
tbody.fails{background:#fdf3f3}
tr.more td{padding-top:0;color:var(--soft)}
.f{display:inline;margin-right:.9em}.f b{font-weight:600;color:var(--soft)}.f .sealed{font-style:italic;color:var(--soft)}
.lines .f{display:block;margin:0}.f .long{font-family:var(--mono);font-size:.86em;word-break:break-all}
.f i.opened{font-style:normal;border-bottom:1px dotted var(--calm)}
.v{display:inline-block;padding:.04rem .42rem;border:1px solid;border-radius:2px;font:600 .74rem/1.45 var(--sans);white-space:nowrap;background:#fff}td .v{font-size:.93em}td .v+.small{display:block;margin-top:.2rem}
.v.proved{color:var(--good)}.v.attested{color:var(--calm)}.v.asserted{color:var(--warn);border-style:dashed}
.v.unchecked,.v.open{color:var(--soft);border-style:dotted}.v.bad{color:#fff;background:var(--bad);border-color:var(--bad)}
.v.committed{color:var(--good)}.v.aborted{color:var(--warn)}
article{margin:1.6rem 0 2.2rem}
figure{margin:.8rem 0 1rem}figcaption{margin-top:.3rem;font-size:.84rem;color:var(--soft)}
figure svg{display:block;width:100%;height:auto;min-width:38rem}
svg text{font-family:var(--sans);fill:var(--ink)}
svg .lane{stroke:var(--rule)}svg .decision{stroke:var(--head);stroke-dasharray:2 3}
svg .box{fill:#fff;stroke:var(--head);stroke-width:1.1}svg text{font-size:11px}
svg .box.good{fill:#f1f8f3;stroke:var(--good)}svg text.good{fill:var(--good);font-weight:600}
svg .box.off{fill:#fdf8ee;stroke:var(--warn)}svg text.off{fill:var(--warn);font-weight:600}
svg .box.bad{fill:#fdf3f3;stroke:var(--bad);stroke-width:2}svg text.bad{fill:var(--bad);font-weight:600}
svg .box.decided{stroke-width:2}
svg .arrow{stroke:var(--head);stroke-width:1.4}svg .tip{fill:var(--head)}
svg .arrow.said{stroke:var(--soft)}svg .tip.said{fill:var(--soft)}
svg .arrow.commit{stroke:var(--good)}svg .tip.commit{fill:var(--good)}
svg .arrow.undo{stroke:var(--warn);stroke-dasharray:6 3}svg .tip.undo{fill:var(--warn)}
svg .arrow.told{stroke:var(--soft);stroke-dasharray:2 3}svg .tip.told{fill:var(--soft)}
svg .arrow.wrong{stroke:var(--bad)}svg .tip.wrong{fill:var(--bad)}
svg text.label{font-size:10.5px;paint-order:stroke;stroke:#fff;stroke-width:3px;stroke-linejoin:round}
svg text.clock{font-size:10px;fill:var(--soft);font-variant-numeric:tabular-nums}
svg text.who{font-size:12.5px;font-weight:600;fill:var(--head)}svg text.where{font-size:9.5px;fill:var(--soft)}
.w{font-weight:600}.w.proved{color:var(--good)}.w.attested{color:var(--calm)}.w.asserted{color:var(--warn)}.w.bad{color:var(--bad)}
ul.tree{list-style:none;padding-left:0;font:.8rem/1.5 var(--sans)}ul.tree ul{list-style:none;padding-left:1rem;border-left:1px solid var(--rule);margin:.1rem 0 .3rem}
ul.tree li{margin:.14rem 0}.bad-text{color:var(--bad)}
footer{margin-top:3rem;padding-top:.7rem;border-top:1px solid var(--rule);font-size:.86rem;color:var(--soft)}
@media (max-width:44rem){
main{padding:1.2rem 1rem 3rem}h1{font-size:1.5rem}nav ol{columns:1}
dl{display:block}dt{padding:.5rem 0 0;border:0}dd{padding:.05rem 0 .5rem}
table.cards,table.cards tbody,table.cards tr,table.cards td{display:block;width:100%}
table.cards thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
table.cards tbody,table.rows.cards tbody tr{padding:.45rem 0;border-bottom:1px solid var(--rule)}
table.cards{table-layout:auto}table.cards caption{display:block}
table.cards td,table.cards td.right{position:relative;padding:.14rem 0 .14rem 7.2rem;text-align:left}
table.cards td[data-l]::before{content:attr(data-l);position:absolute;left:0;width:6.8rem;font-weight:600;color:var(--soft)}
table.cards td.block,table.cards tr.more td{padding-left:0}
table.cards td.block[data-l]::before{display:block;position:static;width:auto}table.cards td:empty{display:none}
table.cards tbody{border-top:1.5px solid var(--head)}table.rows.cards tbody{padding:0;border-bottom:0}
}
@media print{
body{font-size:10pt;line-height:1.42}main{max-width:none;margin:0;padding:0}
header.title{padding-top:.6rem}h1{font-size:20pt}
h2{font-size:13.5pt;margin-top:1.7rem}h3{font-size:11pt}
table{font-size:8pt}.small,figcaption,footer,ul.tree{font-size:8pt}nav{break-after:avoid}
dl{font-size:9.3pt}dt{font-size:8.2pt}
h1,h2,h3,h4,caption{break-after:avoid}
thead{display:table-header-group;break-after:avoid}tr,tbody.one,.keep,figure,.verdict,.notes,dt,dd,li:not(:has(ul)){break-inside:avoid}
tbody:first-of-type>tr:first-child,tbody.one>tr+tr{break-before:avoid}
p{orphans:3;widows:3}article{margin:1.2rem 0 1.6rem}article.newpage{break-before:page}
figure svg{min-width:0;max-height:225mm}a{color:inherit;text-decoration:none}
.v,.verdict,.notes,thead th,tbody.fails,svg{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
)css";
}

}  // namespace concordat::audit
