BEGIN TRANSACTION;
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	number INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	label TEXT NOT NULL, 
	vector JSON, 
	recipe JSON NOT NULL, 
	recipe_digest VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	reason TEXT, 
	fitness DOUBLE, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_candidates PRIMARY KEY (id), 
	CONSTRAINT fk_candidates_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_candidates_experiment_id_number UNIQUE (experiment_id, number)
);
INSERT INTO "candidates" VALUES(1,'j8hzymeg',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:39.695448');
INSERT INTO "candidates" VALUES(2,'j8hzymeg',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:39.766300');
INSERT INTO "candidates" VALUES(3,'j8hzymeg',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:39.834214');
INSERT INTO "candidates" VALUES(4,'j8hzymeg',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:39.853667');
INSERT INTO "candidates" VALUES(5,'j8hzymeg',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','scored',NULL,0.5,'2026-11-01 22:35:39.946070');
INSERT INTO "candidates" VALUES(6,'ny8d3rvz',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:40.155462');
INSERT INTO "candidates" VALUES(7,'ny8d3rvz',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:40.211574');
INSERT INTO "candidates" VALUES(8,'ny8d3rvz',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:40.273781');
INSERT INTO "candidates" VALUES(9,'ny8d3rvz',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:40.292404');
INSERT INTO "candidates" VALUES(10,'6rh5ixwf',0,'baseline','base',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000000','scored',NULL,3.92857142857142793701e-01,'2026-11-01 22:35:40.368887');
INSERT INTO "candidates" VALUES(11,'6rh5ixwf',1,'baseline','uniform mean',NULL,'{"method": "linear", "models": ["a", "b"], "weights": null}','0000000000000000000000000000000000000000000000000000000000000001','scored',NULL,3.57142857142857150787e-01,'2026-11-01 22:35:40.396569');
INSERT INTO "candidates" VALUES(12,'6rh5ixwf',2,'search','','[0.5, -0.25]','{"method": "linear", "models": ["a", "b"], "weights": [0.5, -0.25]}','0000000000000000000000000000000000000000000000000000000000000002','infeasible','NaN in the weights',NULL,'2026-11-01 22:35:40.429377');
INSERT INTO "candidates" VALUES(13,'6rh5ixwf',3,'search','','[1.0, 0.125]','{"method": "linear", "models": ["a", "b"], "weights": [1.0, 0.125]}','0000000000000000000000000000000000000000000000000000000000000003','scored',NULL,2.85714285714285698425e-01,'2026-11-01 22:35:40.439192');
INSERT INTO "candidates" VALUES(14,'6rh5ixwf',4,'search','','[0.0, 1.5]','{"method": "linear", "models": ["a", "b"], "weights": [0.0, 1.5]}','0000000000000000000000000000000000000000000000000000000000000004','asked',NULL,NULL,'2026-11-01 22:35:40.471765');
CREATE TABLE "evaluations" (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	split VARCHAR(16) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	attempt INTEGER NOT NULL, 
	worker TEXT, 
	started_at DATETIME, 
	finished_at DATETIME, 
	timings_s JSON NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	generated_tokens BIGINT NOT NULL, 
	fitness DOUBLE, 
	summary JSON NOT NULL, 
	reason TEXT, 
	block INTEGER DEFAULT '-1' NOT NULL, 
	num_items INTEGER DEFAULT '0' NOT NULL, 
	items_digest VARCHAR(16), 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_candidate_id FOREIGN KEY(candidate_id) REFERENCES candidates (id), 
	CONSTRAINT uq_evaluations_candidate_id_split_block UNIQUE (candidate_id, split, block)
);
INSERT INTO "evaluations" VALUES(1,1,'search','done',1,'worker-1','2026-11-01 22:35:39.712626','2026-11-01 22:35:39.736575','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(2,1,'search','done',1,'worker-1','2026-11-01 22:35:39.753711','2026-11-01 22:35:39.756977','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(3,2,'search','done',1,'worker-1','2026-11-01 22:35:39.771581','2026-11-01 22:35:39.778293','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(4,2,'search','done',1,'worker-1','2026-11-01 22:35:39.791564','2026-11-01 22:35:39.822036','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(5,3,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:39.840742','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(6,4,'search','lost',1,'worker-0','2026-11-01 22:35:39.859551','2026-11-01 22:35:39.865529','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(7,4,'search','done',1,'worker-1','2026-11-01 22:35:39.873599','2026-11-01 22:35:39.886038','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(8,4,'search','done',1,'worker-1','2026-11-01 22:35:39.889017','2026-11-01 22:35:39.895500','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(9,5,'search','done',1,'worker-1','2026-11-01 22:35:39.958171','2026-11-01 22:35:39.972478','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": null}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(10,5,'search','done',1,'worker-1','2026-11-01 22:35:39.990975','2026-11-01 22:35:40.006312','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(11,4,'selection','done',1,'worker-1','2026-11-01 22:35:40.023355','2026-11-01 22:35:40.042754','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,2,NULL);
INSERT INTO "evaluations" VALUES(12,4,'test','done',1,'worker-1','2026-11-01 22:35:40.059150','2026-11-01 22:35:40.080496','{"apply": 0.25, "score": 1.5}',30,3,2.38095238095238054265e-01,'{"choice": {"items": 2, "score": 0.07142857142857142, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,-1,3,'dfa461907d63d269');
INSERT INTO "evaluations" VALUES(13,6,'search','done',1,'worker-1','2026-11-01 22:35:40.163874','2026-11-01 22:35:40.174121','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(14,6,'search','done',1,'worker-1','2026-11-01 22:35:40.187481','2026-11-01 22:35:40.199885','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(15,7,'search','done',1,'worker-1','2026-11-01 22:35:40.221781','2026-11-01 22:35:40.228591','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(16,7,'search','done',1,'worker-1','2026-11-01 22:35:40.242814','2026-11-01 22:35:40.261706','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(17,8,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:40.281050','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(18,9,'search','lost',1,'worker-0','2026-11-01 22:35:40.302091','2026-11-01 22:35:40.314389','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(19,9,'search','done',1,'worker-1','2026-11-01 22:35:40.322343','2026-11-01 22:35:40.326924','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(20,9,'search','done',1,'worker-1','2026-11-01 22:35:40.337809','2026-11-01 22:35:40.342608','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(21,10,'search','done',1,'worker-1','2026-11-01 22:35:40.371826','2026-11-01 22:35:40.377529','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": null}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(22,10,'search','done',1,'worker-1','2026-11-01 22:35:40.384093','2026-11-01 22:35:40.393656','{"apply": 0.25, "score": 1.5}',20,2,5.7142857142857139685e-01,'{"choice": {"items": 1, "score": 0.8571428571428571, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.2857142857142857, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(23,11,'search','done',1,'worker-1','2026-11-01 22:35:40.400531','2026-11-01 22:35:40.407418','{"apply": 0.25, "score": 1.5}',20,2,4.28571428571428603149e-01,'{"choice": {"items": 1, "score": 0.7142857142857143, "reference_logprob": null}, "words": {"items": 1, "score": 0.14285714285714285, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(24,11,'search','done',1,'worker-1','2026-11-01 22:35:40.416198','2026-11-01 22:35:40.422700','{"apply": 0.25, "score": 1.5}',20,2,2.85714285714285698425e-01,'{"choice": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.0, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(25,12,'search','infeasible',0,NULL,NULL,'2026-11-01 22:35:40.433294','{}',0,0,NULL,'{}','NaN in the weights',-1,0,NULL);
INSERT INTO "evaluations" VALUES(26,13,'search','lost',1,'worker-0','2026-11-01 22:35:40.444215','2026-11-01 22:35:40.449426','{}',0,0,NULL,'{}','the node is gone',-1,0,NULL);
INSERT INTO "evaluations" VALUES(27,13,'search','done',1,'worker-1','2026-11-01 22:35:40.453552','2026-11-01 22:35:40.457430','{"apply": 0.25, "score": 1.5}',20,2,3.57142857142857095276e-01,'{"choice": {"items": 1, "score": 0.14285714285714285, "reference_logprob": null}, "words": {"items": 1, "score": 0.5714285714285714, "reference_logprob": -1.5}}',NULL,0,2,NULL);
INSERT INTO "evaluations" VALUES(28,13,'search','done',1,'worker-1','2026-11-01 22:35:40.462947','2026-11-01 22:35:40.466891','{"apply": 0.25, "score": 1.5}',20,2,2.14285714285714273819e-01,'{"choice": {"items": 1, "score": 0.0, "reference_logprob": -1.5}, "words": {"items": 1, "score": 0.42857142857142855, "reference_logprob": -1.5}}',NULL,1,2,NULL);
INSERT INTO "evaluations" VALUES(29,14,'search','running',1,'worker-1','2026-11-01 22:35:40.477449',NULL,'{}',0,0,NULL,'{}',NULL,-1,0,NULL);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	experiment_id VARCHAR(8) NOT NULL, 
	seq INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload JSON NOT NULL, 
	at DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_experiment_id FOREIGN KEY(experiment_id) REFERENCES experiments (id), 
	CONSTRAINT uq_events_experiment_id_seq UNIQUE (experiment_id, seq)
);
INSERT INTO "events" VALUES(1,'j8hzymeg',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:39.665363');
INSERT INTO "events" VALUES(2,'j8hzymeg',2,'state','{"from": "created", "to": "running", "driver": "node-1:21792", "error": null}','2026-11-01 22:35:39.682233');
INSERT INTO "events" VALUES(3,'j8hzymeg',3,'ask','{"candidate_id": 1, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:35:39.695448');
INSERT INTO "events" VALUES(4,'j8hzymeg',4,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.712626');
INSERT INTO "events" VALUES(5,'j8hzymeg',5,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:35:39.736575');
INSERT INTO "events" VALUES(6,'j8hzymeg',6,'start','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.753711');
INSERT INTO "events" VALUES(7,'j8hzymeg',7,'tell','{"candidate_id": 1, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:35:39.756977');
INSERT INTO "events" VALUES(8,'j8hzymeg',8,'ask','{"candidate_id": 2, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:35:39.766300');
INSERT INTO "events" VALUES(9,'j8hzymeg',9,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.771581');
INSERT INTO "events" VALUES(10,'j8hzymeg',10,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:35:39.778293');
INSERT INTO "events" VALUES(11,'j8hzymeg',11,'start','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.791564');
INSERT INTO "events" VALUES(12,'j8hzymeg',12,'tell','{"candidate_id": 2, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:35:39.822036');
INSERT INTO "events" VALUES(13,'j8hzymeg',13,'ask','{"candidate_id": 3, "number": 2, "kind": "search", "block": null}','2026-11-01 22:35:39.834214');
INSERT INTO "events" VALUES(14,'j8hzymeg',14,'infeasible','{"candidate_id": 3, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:35:39.840742');
INSERT INTO "events" VALUES(15,'j8hzymeg',15,'ask','{"candidate_id": 4, "number": 3, "kind": "search", "block": null}','2026-11-01 22:35:39.853667');
INSERT INTO "events" VALUES(16,'j8hzymeg',16,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:39.859551');
INSERT INTO "events" VALUES(17,'j8hzymeg',17,'lost','{"candidate_id": 4, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:39.865529');
INSERT INTO "events" VALUES(18,'j8hzymeg',18,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.873599');
INSERT INTO "events" VALUES(19,'j8hzymeg',19,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:35:39.886038');
INSERT INTO "events" VALUES(20,'j8hzymeg',20,'start','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.889017');
INSERT INTO "events" VALUES(21,'j8hzymeg',21,'tell','{"candidate_id": 4, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:35:39.895500');
INSERT INTO "events" VALUES(22,'j8hzymeg',22,'ask','{"candidate_id": 5, "number": 4, "kind": "search", "block": null}','2026-11-01 22:35:39.946070');
INSERT INTO "events" VALUES(23,'j8hzymeg',23,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.958171');
INSERT INTO "events" VALUES(24,'j8hzymeg',24,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 0, "fitness": 0.5714285714285714}','2026-11-01 22:35:39.972478');
INSERT INTO "events" VALUES(25,'j8hzymeg',25,'start','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:39.990975');
INSERT INTO "events" VALUES(26,'j8hzymeg',26,'tell','{"candidate_id": 5, "number": 4, "split": "search", "block": 1, "fitness": 0.4285714285714286}','2026-11-01 22:35:40.006312');
INSERT INTO "events" VALUES(27,'j8hzymeg',27,'start','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.023355');
INSERT INTO "events" VALUES(28,'j8hzymeg',28,'measure','{"candidate_id": 4, "number": 3, "split": "selection", "block": -1, "fitness": 0.3571428571428571}','2026-11-01 22:35:40.042754');
INSERT INTO "events" VALUES(29,'j8hzymeg',29,'start','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.059150');
INSERT INTO "events" VALUES(30,'j8hzymeg',30,'measure','{"candidate_id": 4, "number": 3, "split": "test", "block": -1, "fitness": 0.23809523809523805}','2026-11-01 22:35:40.080496');
INSERT INTO "events" VALUES(31,'j8hzymeg',31,'decision','{"decision": "winner", "data": {"number": 3, "reason": "better than the center"}}','2026-11-01 22:35:40.092330');
INSERT INTO "events" VALUES(32,'j8hzymeg',32,'state','{"from": "running", "to": "finished", "driver": "node-1:21792", "error": null}','2026-11-01 22:35:40.109693');
INSERT INTO "events" VALUES(33,'ny8d3rvz',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:40.125900');
INSERT INTO "events" VALUES(34,'ny8d3rvz',2,'state','{"from": "created", "to": "running", "driver": "node-1:21792", "error": null}','2026-11-01 22:35:40.144657');
INSERT INTO "events" VALUES(35,'ny8d3rvz',3,'ask','{"candidate_id": 6, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:35:40.155462');
INSERT INTO "events" VALUES(36,'ny8d3rvz',4,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.163874');
INSERT INTO "events" VALUES(37,'ny8d3rvz',5,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:35:40.174121');
INSERT INTO "events" VALUES(38,'ny8d3rvz',6,'start','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.187481');
INSERT INTO "events" VALUES(39,'ny8d3rvz',7,'tell','{"candidate_id": 6, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:35:40.199885');
INSERT INTO "events" VALUES(40,'ny8d3rvz',8,'ask','{"candidate_id": 7, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:35:40.211574');
INSERT INTO "events" VALUES(41,'ny8d3rvz',9,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.221781');
INSERT INTO "events" VALUES(42,'ny8d3rvz',10,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:35:40.228591');
INSERT INTO "events" VALUES(43,'ny8d3rvz',11,'start','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.242814');
INSERT INTO "events" VALUES(44,'ny8d3rvz',12,'tell','{"candidate_id": 7, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:35:40.261706');
INSERT INTO "events" VALUES(45,'ny8d3rvz',13,'ask','{"candidate_id": 8, "number": 2, "kind": "search", "block": null}','2026-11-01 22:35:40.273781');
INSERT INTO "events" VALUES(46,'ny8d3rvz',14,'infeasible','{"candidate_id": 8, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:35:40.281050');
INSERT INTO "events" VALUES(47,'ny8d3rvz',15,'ask','{"candidate_id": 9, "number": 3, "kind": "search", "block": null}','2026-11-01 22:35:40.292404');
INSERT INTO "events" VALUES(48,'ny8d3rvz',16,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:40.302091');
INSERT INTO "events" VALUES(49,'ny8d3rvz',17,'lost','{"candidate_id": 9, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:40.314389');
INSERT INTO "events" VALUES(50,'ny8d3rvz',18,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.322343');
INSERT INTO "events" VALUES(51,'ny8d3rvz',19,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:35:40.326924');
INSERT INTO "events" VALUES(52,'ny8d3rvz',20,'start','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.337809');
INSERT INTO "events" VALUES(53,'ny8d3rvz',21,'tell','{"candidate_id": 9, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:35:40.342608');
INSERT INTO "events" VALUES(54,'ny8d3rvz',22,'state','{"from": "running", "to": "interrupted", "driver": "node-1:21792", "error": null}','2026-11-01 22:35:40.357481');
INSERT INTO "events" VALUES(55,'6rh5ixwf',1,'state','{"from": null, "to": "created", "driver": null, "error": null}','2026-11-01 22:35:40.361582');
INSERT INTO "events" VALUES(56,'6rh5ixwf',2,'state','{"from": "created", "to": "running", "driver": "node-1:21792", "error": null}','2026-11-01 22:35:40.365355');
INSERT INTO "events" VALUES(57,'6rh5ixwf',3,'ask','{"candidate_id": 10, "number": 0, "kind": "baseline", "block": null}','2026-11-01 22:35:40.368887');
INSERT INTO "events" VALUES(58,'6rh5ixwf',4,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.371826');
INSERT INTO "events" VALUES(59,'6rh5ixwf',5,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 0, "fitness": 0.21428571428571427}','2026-11-01 22:35:40.377529');
INSERT INTO "events" VALUES(60,'6rh5ixwf',6,'start','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.384093');
INSERT INTO "events" VALUES(61,'6rh5ixwf',7,'tell','{"candidate_id": 10, "number": 0, "split": "search", "block": 1, "fitness": 0.5714285714285714}','2026-11-01 22:35:40.393656');
INSERT INTO "events" VALUES(62,'6rh5ixwf',8,'ask','{"candidate_id": 11, "number": 1, "kind": "baseline", "block": null}','2026-11-01 22:35:40.396569');
INSERT INTO "events" VALUES(63,'6rh5ixwf',9,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.400531');
INSERT INTO "events" VALUES(64,'6rh5ixwf',10,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 0, "fitness": 0.4285714285714286}','2026-11-01 22:35:40.407418');
INSERT INTO "events" VALUES(65,'6rh5ixwf',11,'start','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.416198');
INSERT INTO "events" VALUES(66,'6rh5ixwf',12,'tell','{"candidate_id": 11, "number": 1, "split": "search", "block": 1, "fitness": 0.2857142857142857}','2026-11-01 22:35:40.422700');
INSERT INTO "events" VALUES(67,'6rh5ixwf',13,'ask','{"candidate_id": 12, "number": 2, "kind": "search", "block": null}','2026-11-01 22:35:40.429377');
INSERT INTO "events" VALUES(68,'6rh5ixwf',14,'infeasible','{"candidate_id": 12, "number": 2, "split": "search", "block": -1, "reason": "NaN in the weights"}','2026-11-01 22:35:40.433294');
INSERT INTO "events" VALUES(69,'6rh5ixwf',15,'ask','{"candidate_id": 13, "number": 3, "kind": "search", "block": null}','2026-11-01 22:35:40.439192');
INSERT INTO "events" VALUES(70,'6rh5ixwf',16,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "worker": "worker-0"}','2026-11-01 22:35:40.444215');
INSERT INTO "events" VALUES(71,'6rh5ixwf',17,'lost','{"candidate_id": 13, "number": 3, "split": "search", "block": -1, "attempt": 1, "reason": "the node is gone"}','2026-11-01 22:35:40.449426');
INSERT INTO "events" VALUES(72,'6rh5ixwf',18,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.453552');
INSERT INTO "events" VALUES(73,'6rh5ixwf',19,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 0, "fitness": 0.3571428571428571}','2026-11-01 22:35:40.457430');
INSERT INTO "events" VALUES(74,'6rh5ixwf',20,'start','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.462947');
INSERT INTO "events" VALUES(75,'6rh5ixwf',21,'tell','{"candidate_id": 13, "number": 3, "split": "search", "block": 1, "fitness": 0.21428571428571427}','2026-11-01 22:35:40.466891');
INSERT INTO "events" VALUES(76,'6rh5ixwf',22,'ask','{"candidate_id": 14, "number": 4, "kind": "search", "block": null}','2026-11-01 22:35:40.471765');
INSERT INTO "events" VALUES(77,'6rh5ixwf',23,'start','{"candidate_id": 14, "number": 4, "split": "search", "block": -1, "attempt": 1, "worker": "worker-1"}','2026-11-01 22:35:40.477449');
CREATE TABLE evomerge_schema_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT evomerge_schema_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "evomerge_schema_version" VALUES('0002');
CREATE TABLE experiments (
	id VARCHAR(8) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	spec JSON NOT NULL, 
	source_dir TEXT NOT NULL, 
	resolved JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	updated_at DATETIME NOT NULL, 
	seconds_spent DOUBLE NOT NULL, 
	error TEXT, 
	driver JSON, 
	CONSTRAINT pk_experiments PRIMARY KEY (id)
);
INSERT INTO "experiments" VALUES('j8hzymeg','finished','finished','{"name": "finished", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:39.649086','2026-11-01 22:35:40.109693',12.5,NULL,NULL);
INSERT INTO "experiments" VALUES('ny8d3rvz','interrupted','interrupted','{"name": "interrupted", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:40.125036','2026-11-01 22:35:40.357481',12.5,NULL,NULL);
INSERT INTO "experiments" VALUES('6rh5ixwf','killed','running','{"name": "killed", "base_model": "base", "models": {"a": "a", "b": "b"}, "search": {"budget": {"evaluations": 8}}}','/models','{"genes": ["a weight 0", "b weight 0"], "inputs": {"models": {"base": "9f2c"}}}','2026-11-01 22:35:40.360975','2026-11-01 22:35:40.481277',12.5,NULL,'{"host": "node-1", "pid": 21792, "process_started": 1795732537.93, "heartbeat": "2026-11-01T22:35:40.481456+00:00", "token": "e327f6fa958c5d4aedc5bf7cfa531c63"}');
CREATE TABLE item_scores (
	evaluation_id INTEGER NOT NULL, 
	task VARCHAR(255) NOT NULL, 
	item VARCHAR(64) NOT NULL, 
	score DOUBLE NOT NULL, 
	reference_logprob DOUBLE, 
	output TEXT, 
	CONSTRAINT pk_item_scores PRIMARY KEY (evaluation_id, task, item), 
	CONSTRAINT fk_item_scores_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id)
);
INSERT INTO "item_scores" VALUES(1,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(1,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(2,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(3,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(3,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(4,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(7,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(7,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(8,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(9,'choice','0000000000000000',8.57142857142857095276e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(9,'words','0000000000000001',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'choice','0000000000000002',7.14285714285714301574e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(10,'words','0000000000000003',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(11,'choice','1000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(11,'words','1000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(12,'words','2000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(12,'choice','2000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(13,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(13,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(14,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(15,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(15,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(16,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(19,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(19,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(20,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(21,'choice','0000000000000000',0.0,NULL,NULL);
INSERT INTO "item_scores" VALUES(21,'words','0000000000000001',4.28571428571428547638e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'choice','0000000000000002',8.57142857142857095276e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(22,'words','0000000000000003',2.85714285714285698425e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(23,'choice','0000000000000000',7.14285714285714301574e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(23,'words','0000000000000001',1.42857142857142849212e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'choice','0000000000000002',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(24,'words','0000000000000003',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(27,'choice','0000000000000000',1.42857142857142849212e-01,NULL,NULL);
INSERT INTO "item_scores" VALUES(27,'words','0000000000000001',5.7142857142857139685e-01,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'choice','0000000000000002',0.0,-1.5,'naïve ✓
');
INSERT INTO "item_scores" VALUES(28,'words','0000000000000003',4.28571428571428547638e-01,-1.5,'naïve ✓
');
CREATE INDEX ix_experiments_created_at_id ON experiments (created_at, id);
CREATE INDEX ix_experiments_name ON experiments (name);
CREATE INDEX ix_candidates_experiment_id_recipe_digest ON candidates (experiment_id, recipe_digest);
CREATE INDEX ix_candidates_experiment_id_state_fitness ON candidates (experiment_id, state, fitness);
CREATE INDEX ix_evaluations_items_digest ON evaluations (items_digest);
COMMIT;
