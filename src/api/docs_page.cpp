#include "routes.hpp"

namespace concordat::api {

std::string docs_page() {
    return R"page(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Concordat API</title>
<style>
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--get:#2a7d4f;--post:#2f5fb3}
body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;text-transform:capitalize;border-bottom:1px solid var(--line)}
details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0}summary{padding:.5rem .7rem;cursor:pointer}
.m{display:inline-block;min-width:3.6rem;font-weight:600;color:var(--get)}.m.post{color:var(--post)}
code,pre,input,textarea{font:13px/1.45 ui-monospace,monospace}.in{padding:.3rem .9rem .9rem}
label{display:block;margin:.4rem 0}input,textarea{width:100%;box-sizing:border-box;padding:.3rem}
pre{background:var(--soft);padding:.6rem;overflow:auto;max-height:24rem;white-space:pre-wrap;word-break:break-all}
.lock{font-size:.8em;opacity:.75}
</style></head><body>
<h1>Concordat API</h1><p id="about"></p>
<label>Operator token (stays in this page)<input id="token" type="password" autocomplete="off"></label>
<main id="list"></main>
<script>
const el=(tag,text,cls)=>{const e=document.createElement(tag);if(text)e.textContent=text;if(cls)e.className=cls;return e};
function show(method,path,op){
  const d=el('details'),s=el('summary'),box=el('div','','in');
  s.append(el('span',method.toUpperCase(),'m '+method),el('code',' '+path+' '),el('span',op.summary));
  if(op.security)s.append(el('span',' operator','lock'));
  const inputs={};
  for(const p of op.parameters||[]){const l=el('label',p.name+' ('+p.in+') '+(p.description||'')),i=el('input');inputs[p.name]=[p,i];l.append(i);box.append(l)}
  let body;const types=op.requestBody?Object.keys(op.requestBody.content):[];
  if(types.length){const l=el('label','body: '+types[0]);body=el('textarea');body.rows=4;l.append(body);box.append(l)}
  const go=el('button','Send'),out=el('pre');out.hidden=true;
  go.onclick=async()=>{
    let url=path;const query=new URLSearchParams();
    for(const [p,i] of Object.values(inputs)){if(p.in==='path')url=url.replace('{'+p.name+'}',encodeURIComponent(i.value).replace('%3A',':'));else if(i.value)query.set(p.name,i.value)}
    if([...query].length)url+='?'+query;
    const headers={};if(types.length)headers['Content-Type']=types[0];
    const token=document.getElementById('token').value;if(token)headers.Authorization='Bearer '+token;
    out.hidden=false;out.textContent='…';
    try{const r=await fetch(url,{method:method.toUpperCase(),headers,body:body?body.value:undefined});
      let t=await r.text();try{t=JSON.stringify(JSON.parse(t),null,2)}catch{}
      out.textContent=r.status+' '+r.statusText+'\n'+t}catch(e){out.textContent=String(e)}
  };
  box.append(go,out);d.append(s,box);return d;
}
fetch('/openapi.json').then(r=>r.json()).then(api=>{
  document.getElementById('about').textContent=api.info.description;
  const tags={};
  for(const [path,ops] of Object.entries(api.paths))for(const [method,op] of Object.entries(ops))(tags[op.tags[0]]??=[]).push(show(method,path,op));
  for(const tag of Object.keys(tags).sort()){document.getElementById('list').append(el('h2',tag),...tags[tag])}
});
</script></body></html>
)page";
}

}  // namespace concordat::api
